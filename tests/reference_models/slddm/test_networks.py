"""LDN, U-Net and conditioner: what they promise beyond the release's numbers."""

from __future__ import annotations

import inspect

import pytest
import torch
from commands import run_code
from diffusers import UNet2DConditionModel
from diffusers.models.attention_processor import AttnProcessor
from tpgbench.core.errors import TpgbenchError
from tpgbench.reference_models.slddm import LDN, Conditioner, SLDDMUNet
from tpgbench.reference_models.slddm.ldn_attention import LDNTransformerBlock

LEVELS = {
    "down_block_types": ("CrossAttnDownBlock2D", "DownBlock2D"),
    "up_block_types": ("UpBlock2D", "CrossAttnUpBlock2D"),
    "block_out_channels": (32, 64),
    "layers_per_block": 1,
    "norm_num_groups": 8,
    "cross_attention_dim": 24,
    "attention_head_dim": 2,
    "sample_size": 8,
}


def small_unet(**settings) -> SLDDMUNet:
    torch.manual_seed(0)
    return SLDDMUNet(**LEVELS, **settings).eval()


def small_ldn(**settings) -> LDN:
    torch.manual_seed(0)
    sizes = {"encoder_widths": (8, 12), "hidden": 20, "features": 16, "predictor": 8}
    ram = {"ram_layers": 2, "heads": 2, "head_dim": 8}
    return LDN(latent_channels=6, latent_size=8, **sizes, **ram, **settings).eval()


def ask(
    unet: SLDDMUNet,
    *,
    tokens: int = 1,
    contexts: int = 2,
    seed: int = 1,
    classes: list[int] | None = None,
) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    sample = torch.randn(2, unet.config.in_channels, 8, 8, generator=generator)
    image, *ldn = torch.randn(1 + contexts, 2, tokens, 24, generator=generator)
    return unet(
        sample,
        torch.tensor([3, 700]),
        encoder_hidden_states=image,
        class_labels=None if classes is None else torch.tensor(classes),
        cross_attention_kwargs={"ldn_contexts": ldn},
    ).sample


@torch.no_grad()
def test_one_token_short_cut_is_exactly_attention():
    """A token given twice is the same attention, by queries, keys and a softmax over two."""
    unet = small_unet()
    generator = torch.Generator().manual_seed(2)
    sample = torch.randn(2, 9, 8, 8, generator=generator)
    image, content, structured = torch.randn(3, 2, 1, 24, generator=generator)

    def said(times: int) -> torch.Tensor:
        contexts = [token.repeat(1, times, 1) for token in (content, structured)]
        return unet(
            sample,
            torch.tensor(5),
            encoder_hidden_states=image.repeat(1, times, 1),
            cross_attention_kwargs={"ldn_contexts": contexts},
        ).sample

    torch.testing.assert_close(said(1), said(2), atol=1e-5, rtol=1e-5)


@torch.no_grad()
def test_leaving_out_what_has_no_effect_has_no_effect():
    whole = small_unet()
    lean = small_unet(one_token_contexts=True)
    kept = {name: value for name, value in whole.state_dict().items() if name in lean.state_dict()}
    lean.load_state_dict(kept)
    assert lean.num_parameters() < whole.num_parameters()
    torch.testing.assert_close(ask(lean), ask(whole), atol=0, rtol=0)


def test_every_lean_parameter_gets_a_gradient():
    # Unused parameters stop distributed training.
    unet = small_unet(one_token_contexts=True)
    ask(unet).square().mean().backward()
    assert [name for name, p in unet.named_parameters() if p.grad is None] == []


def test_lean_unet_refuses_longer_contexts():
    with pytest.raises(TpgbenchError, match="one_token_contexts=False"):
        ask(small_unet(one_token_contexts=True), tokens=2)


@pytest.mark.parametrize("contexts", [0, 3])
def test_wrong_number_of_ldn_contexts_is_refused(contexts):
    with pytest.raises(TpgbenchError, match=f"{contexts} LDN contexts"):
        ask(small_unet(), contexts=contexts)


def test_outermost_attended_level_takes_the_structured_context():
    unet = SLDDMUNet(
        **LEVELS
        | {
            "down_block_types": ("DownBlock2D", "CrossAttnDownBlock2D", "CrossAttnDownBlock2D"),
            "up_block_types": ("CrossAttnUpBlock2D", "CrossAttnUpBlock2D", "UpBlock2D"),
            "block_out_channels": (16, 32, 32),
        }
    )
    structured = {
        name.split(".attentions")[0]: module.structured
        for name, module in unet.named_modules()
        if isinstance(module, LDNTransformerBlock)
    }
    assert structured == {
        "down_blocks.1": True,
        "down_blocks.2": False,
        "mid_block": False,
        "up_blocks.0": False,
        "up_blocks.1": True,
    }


@torch.no_grad()
def test_garment_residual_adds_the_garment_latent():
    plain, residual = small_unet(), small_unet(garment_residual=True)
    sample = torch.randn(2, 9, 8, 8, generator=torch.Generator().manual_seed(1))
    torch.testing.assert_close(ask(residual) - ask(plain), sample[:, 4:8], atol=1e-5, rtol=0)


@torch.no_grad()
def test_explicit_attention_computes_the_same():
    explicit = small_unet(explicit_attention=True)
    assert all(type(p) is AttnProcessor for p in explicit.attn_processors.values())
    torch.testing.assert_close(ask(explicit), ask(small_unet()), atol=1e-5, rtol=1e-5)


@torch.no_grad()
def test_gradient_checkpointing_reaches_the_blocks():
    unet = small_unet().train()
    expected = ask(unet)
    unet.enable_gradient_checkpointing()
    with torch.enable_grad():
        said = ask(unet)
        said.mean().backward()
    torch.testing.assert_close(said, expected)


@pytest.mark.parametrize("one_token", [False, True])
def test_from_unet_starts_from_the_backbone(one_token):
    torch.manual_seed(3)
    backbone = UNet2DConditionModel(**LEVELS).eval()
    unet = SLDDMUNet.from_unet(backbone, one_token_contexts=one_token)
    weight = unet.conv_in.weight
    assert weight.shape[1] == 9
    torch.testing.assert_close(weight[:, :4], backbone.conv_in.weight)
    assert not weight[:, 4:].any()
    # What the LDN says has no say yet, ...
    first = ask(unet, seed=1)
    generator = torch.Generator().manual_seed(1)
    sample = torch.randn(2, 9, 8, 8, generator=generator)
    image = torch.randn(3, 2, 1, 24, generator=generator)[0]
    other = [torch.randn(2, 1, 24), torch.randn(2, 1, 24)]
    second = unet(
        sample,
        torch.tensor([3, 700]),
        encoder_hidden_states=image,
        cross_attention_kwargs={"ldn_contexts": other},
    ).sample
    torch.testing.assert_close(first, second, atol=0, rtol=0)
    # ... but learns.
    unet.freeze_backbone()
    second.square().mean().backward()
    trained = [name for name, p in unet.named_parameters() if p.requires_grad]
    assert all("_ldn" in name or name.startswith("conv_in") for name in trained)
    outputs = [p.grad for name, p in unet.named_parameters() if "attn_ldn.to_out.0.weight" in name]
    assert outputs
    assert all(gradient.any() for gradient in outputs)
    assert unet.down_blocks[0].resnets[0].conv1.weight.grad is None


def test_from_unet_refuses_another_kind_of_backbone():
    backbone = UNet2DConditionModel(**LEVELS, use_linear_projection=True)
    with pytest.raises(TpgbenchError, match="use_linear_projection"):
        SLDDMUNet.from_unet(backbone)


def test_paper_sizes():
    with torch.device("meta"):
        unet, ldn, conditioner = SLDDMUNet(), LDN(), Conditioner()
    assert unet.conv_in.weight.shape == (320, 9, 3, 3)
    # Stable Diffusion 1.5's 859.5 M and the LDN attention.
    assert 859.5e6 < unet.num_parameters() < 920e6
    # The release's 66.6 M, less queries and keys over one token (2.1 M).
    assert ldn.num_parameters() == pytest.approx(64.5e6, abs=0.1e6)
    assert conditioner.image_context(torch.empty(2, 1024, device="meta")).shape == (2, 1, 768)


@torch.no_grad()
def test_ldn_features_of_a_sample_do_not_depend_on_its_neighbours():
    ldn = small_ldn()
    latents = torch.randn(3, 6, 8, 8)
    together, alone = ldn(latents), ldn(latents[1:2])
    assert together["hidden"].shape == (3, 20)
    for name in ("content", "content_predicted", "defect", "structured"):
        assert together[name].shape == (3, 16)
        torch.testing.assert_close(together[name][1:2], alone[name], atol=1e-5, rtol=1e-4)


@torch.no_grad()
def test_reversal_happens_in_the_last_layer_only():
    """With n tokens, attending by 1 - softmax gives the tokens' sum less what softmax gives."""
    forward, reverse = small_ldn(reverse_attention=False), small_ldn()
    assert [layer._reverse for layer in reverse.ram.layers] == [False, True]
    layer, plain = reverse.ram.layers[-1], forward.ram.layers[-1]
    query, tokens = torch.randn(2, 1, 16), torch.randn(2, 6, 16)
    attended = {}

    def keep(name):
        return lambda _, inputs: attended.update({name: inputs[0]})

    layer.to_out.register_forward_pre_hook(keep("reverse"))
    plain.to_out.register_forward_pre_hook(keep("plain"))
    layer(query, tokens)
    plain(query, tokens)
    total = layer.to_v(tokens).sum(dim=1, keepdim=True)
    torch.testing.assert_close(attended["reverse"], total - attended["plain"])


def test_gradient_passes_through_the_query_by_default_but_not_as_released():
    for normalised_over, passes in (("features", True), ("tokens", False)):
        ldn = small_ldn(ram_normalised_over=normalised_over)
        ldn(torch.randn(2, 6, 8, 8))["defect"].square().sum().backward()
        assert (ldn.ram.query.weight.grad.abs().max() > 1e-6) == passes


def test_ldn_refuses_latents_of_another_size():
    with pytest.raises(TpgbenchError, match=r"\(6, 8, 8\)"):
        small_ldn()(torch.randn(1, 6, 16, 16))


@pytest.mark.parametrize(
    "make",
    [small_ldn, lambda: small_unet(one_token_contexts=True), lambda: Conditioner(8, 8, 8, 2)],
    ids=["ldn", "unet", "conditioner"],
)
def test_save_and_load(make, tmp_path, caplog):
    network = make()
    network.save_pretrained(tmp_path)
    loaded = type(network).from_pretrained(tmp_path)
    assert not loaded.training
    assert "not expected" not in caplog.text
    for name in inspect.signature(type(network)).parameters:
        before, after = network.config[name], loaded.config[name]
        assert (tuple(after) if isinstance(before, tuple) else after) == before
    for name, value in network.state_dict().items():
        torch.testing.assert_close(loaded.state_dict()[name], value, atol=0, rtol=0)


def test_importing_the_package_imports_nothing_heavy():
    code = (
        "import sys, tpgbench.reference_models.slddm as s; "
        "assert 'LDN' in dir(s); assert 'torch' not in sys.modules"
    )
    run_code(code)


@torch.no_grad()
def test_class_embeddings_say_the_same_of_each_class_until_they_train():
    unet = small_unet()
    said = ask(unet)
    told = unet.with_class_embeddings(2)
    torch.testing.assert_close(ask(told, classes=[0, 1]), said, atol=0, rtol=0)

    told.class_embedding.weight[1] = 0.5
    first, second = ask(told, classes=[0, 1])
    torch.testing.assert_close(first, said[0], atol=0, rtol=0)
    assert (second - said[1]).abs().max() > 1e-3
