"""Importing a checkpoint of the public release: what is read, refused and written."""

from __future__ import annotations

import json
import pickle
import re
from pathlib import Path

import pytest
import torch
from diffusers import AutoencoderKL
from places import DATA
from safetensors.torch import save_file
from tpgbench.api import runs as api
from tpgbench.core.errors import TpgbenchError
from tpgbench.reference_models.slddm import (
    LDN,
    Conditioner,
    SLDDMUNet,
    convert_slddm_release,
    load_release_ldn,
    load_release_unet,
)
from tpgbench.reference_models.slddm.release_names import (
    conditioner_names,
    ldn_names,
    unet_names,
)
from tpgbench.reference_models.slddm.release_networks import (
    Shapes,
    load_release_conditioner,
    unet_layout,
)
from transformers import CLIPVisionConfig, CLIPVisionModel

GOLDEN = DATA / "slddm_release"
FULL_WIDTH = 320
CONTEXT = 768


def shapes(part: str) -> dict[str, list[int]]:
    return json.loads((GOLDEN / f"{part}_keys.json").read_text())


def unet_tensors(width: int = 32, device: str = "cpu") -> dict[str, torch.Tensor]:
    """The golden U-Net's tensors at another width: all lengths but those of its ends scale."""
    factor = width // 32
    fixed = {9, 4, 3, 1, CONTEXT}

    def scaled(name: str, shape: list[int]) -> list[int]:
        ends = name.startswith("out.2.")
        return [n if n in fixed and (i or ends) else n * factor for i, n in enumerate(shape)]

    return {
        name: torch.empty(scaled(name, shape), device=device)
        for name, shape in shapes("unet").items()
    }


def small_conditioner_tensors(*sizes: int) -> dict[str, torch.Tensor]:
    own = Conditioner(*(sizes or (16, 12, 24, 2)))
    names = conditioner_names(2)
    tensors = {}
    for name, value in own.state_dict().items():
        stacked = ".value." in name
        tensors[names.theirs(name)] = (
            torch.cat([torch.zeros_like(value)] * 2 + [value]) if (stacked) else value
        )
    return tensors


def small_checkpoint() -> dict[str, torch.Tensor]:
    torch.manual_seed(0)
    unet = {
        f"model.diffusion_model.{n}": 0.02 * torch.randn(t.shape) for n, t in unet_tensors().items()
    }
    extra = {"betas": torch.zeros(1000), "vgg.conv1_1.weight": torch.zeros(1)}
    return unet | small_conditioner_tensors() | extra


def test_full_width_is_read_off_the_shapes():
    with torch.device("meta"):
        wanted = SLDDMUNet()
    tensors = unet_tensors(FULL_WIDTH, "meta")
    total = sum(tensor.numel() for tensor in tensors.values())
    assert total == wanted.num_parameters()
    layout = unet_layout(Shapes("U-Net", tensors))
    assert layout.channels == (320, 640, 1280, 1280)
    names = unet_names(layout)
    named = {names.ours(name): tuple(tensor.shape) for name, tensor in tensors.items()}
    assert named == {name: tuple(tensor.shape) for name, tensor in wanted.state_dict().items()}


@pytest.mark.slow
@torch.no_grad()
def test_full_width_runs():
    tensors = {name: value.normal_(std=0.02) for name, value in unet_tensors(FULL_WIDTH).items()}
    unet = load_release_unet(tensors)
    assert unet.unet.config.block_out_channels == (320, 640, 1280, 1280)
    contexts = [torch.randn(1, 1, CONTEXT), torch.randn(1, 1, CONTEXT)]
    noise = unet(torch.randn(1, 9, 16, 16), torch.tensor([5]), torch.randn(1, 1, CONTEXT), contexts)
    assert noise.shape == (1, 4, 16, 16)
    assert noise.isfinite().all()


def test_names_go_both_ways():
    names = ldn_names(4)
    for theirs in shapes("ldn"):
        ours = names.ours(theirs)
        assert ours is not None
        assert names.theirs(ours) == theirs


def test_loading_leaves_the_given_tensors_alone():
    tensors = small_conditioner_tensors()
    before = {name: tensor.clone() for name, tensor in tensors.items()}
    with torch.no_grad():
        for parameter in load_release_conditioner(tensors).parameters():
            parameter.add_(1)
    assert all(torch.equal(tensors[name], before[name]) for name in tensors)


def test_conditioner_is_the_releases_transformer():
    """The release's mapper, written as PyTorch's own transformer layer over a sequence of one."""
    tensors = {name: torch.randn_like(t) for name, t in small_conditioner_tensors().items()}
    conditioner = load_release_conditioner(tensors)
    hidden = embedding = torch.randn(3, 16)
    hidden = hidden[:, None]
    for number in range(2):
        layer = torch.nn.TransformerEncoderLayer(
            16, 1, 64, dropout=0, activation="gelu", batch_first=True, norm_first=True
        )
        begin = f"cond_stage_model.mapper.resblocks.{number}."
        own = {
            "self_attn.in_proj_": "attn.c_qkv.",
            "self_attn.out_proj.": "attn.c_proj.",
            "linear1.": "mlp.c_fc.",
            "linear2.": "mlp.c_proj.",
            "norm1.": "ln_1.",
            "norm2.": "ln_2.",
        }
        layer.load_state_dict(
            {
                ours + kind: tensors[begin + theirs + kind]
                for ours, theirs in own.items()
                for kind in ("weight", "bias")
            }
        )
        hidden = layer(hidden)
    final = "cond_stage_model.final_ln."
    hidden = torch.nn.functional.layer_norm(
        hidden, (16,), tensors[final + "weight"], tensors[final + "bias"]
    )
    expected = hidden @ tensors["proj_out.weight"].T + tensors["proj_out.bias"]
    torch.testing.assert_close(conditioner.image_context(embedding), expected, atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize("extension", ["ckpt", "safetensors"])
def test_convert_writes_what_loads(tmp_path, extension):
    tensors = small_checkpoint() | {"model_of_something_else": torch.zeros(1)}
    checkpoint = tmp_path / f"release.{extension}"
    if extension == "ckpt":
        torch.save({"state_dict": tensors, "epoch": 3}, checkpoint)
    else:
        save_file(tensors, checkpoint)
    report = convert_slddm_release(checkpoint, tmp_path / "out")
    assert set(report.parts) == {"unet", "conditioner"}
    assert set(report.absent) == {"ldn", "vae", "image_encoder"}
    assert report.unknown == ("model_of_something_else",)
    unet = SLDDMUNet.from_pretrained(tmp_path / "out" / "unet")
    prefix = "model.diffusion_model."
    torch.testing.assert_close(
        unet.mid_block.attentions[0].transformer_blocks[0].attn_ldn.to_v.weight,
        tensors[f"{prefix}middle_block.1.transformer_blocks.0.attn_cpsd.to_v.weight"],
    )
    conditioner = Conditioner.from_pretrained(tmp_path / "out" / "conditioner")
    torch.testing.assert_close(conditioner.unconditional(2)[1:], tensors["learnable_vector"])


@pytest.mark.parametrize("part", ["ldn", "unet"])
def test_missing_unknown_and_misshapen_tensors_are_named(part):
    load = {"ldn": load_release_ldn, "unet": load_release_unet}[part]
    missing, misshapen = {
        "ldn": ("diff.resblocks.2.ffn.0.bias", "sim.predictor.bn1.weight"),
        "unet": ("output_blocks.5.2.conv.bias", "middle_block.0.in_layers.0.weight"),
    }[part]
    tensors = {name: torch.zeros(shape) for name, shape in shapes(part).items()}
    del tensors[missing]
    tensors["surprise.weight"] = torch.zeros(1)
    tensors[misshapen] = torch.zeros(5)
    with pytest.raises(TpgbenchError) as caught:
        load(tensors)
    message = str(caught.value)
    assert f"missing 1: {missing};" in message
    assert "unknown 1: surprise.weight;" in message
    assert f"misshapen 1: {misshapen} (5,)" in message


def test_what_sizes_are_read_off_is_named_when_missing():
    tensors = unet_tensors()
    del tensors["input_blocks.0.0.weight"]
    with pytest.raises(TpgbenchError, match=r"missing 1: input_blocks\.0\.0\.weight"):
        load_release_unet(tensors)


@pytest.mark.parametrize(
    ("tensors", "named"),
    [
        (
            {"model.diffusion_model.input_blocks.0.0.weight": (32, 9, 3, 3)},
            "missing 1: input_blocks.1.0.out_layers.3.weight",
        ),
        (
            {"model.diffusion_model.input_blocks.1.0.op.weight": (32, 32, 3, 3)},
            "levels of [[], []] channels",
        ),
        (
            {"first_stage_model.encoder.down.0.block.0.conv2.weight": (32, 32, 3, 3)},
            "missing 1: decoder.conv_in.weight",
        ),
        ({"proj_out.weight": ()}, "misshapen 1: proj_out.weight ()"),
        (
            {
                "cond_stage_model.transformer.embeddings.patch_embedding.weight": (8, 3, 2, 2),
                "cond_stage_model.transformer.embeddings.position_embedding.weight": (5, 8),
                "cond_stage_model.transformer.encoder.layers.0.mlp.fc1.weight": (8, 8),
            },
            "the shapes of its tensors do not fit together",
        ),
        (
            {"cond_stage_model.transformer.embeddings.patch_embedding.weight": (8, 8)},
            "misshapen 1: embeddings.patch_embedding.weight (8, 8)",
        ),
    ],
)
def test_what_is_left_of_a_checkpoint_is_refused_by_name(tmp_path, tensors, named):
    checkpoint = tmp_path / "rest.ckpt"
    torch.save(
        {"state_dict": {name: torch.ones(size) for name, size in tensors.items()}}, checkpoint
    )
    message = refused(checkpoint, tmp_path / "out")
    assert named in message
    assert message.startswith(str(checkpoint))


def test_an_autoencoder_that_lacks_any_tensor_is_refused_by_name(tmp_path):
    vae = AutoencoderKL(
        down_block_types=["DownEncoderBlock2D"] * 2,
        up_block_types=["UpDecoderBlock2D"] * 2,
        block_out_channels=[32, 32],
        layers_per_block=1,
    )
    tensors = vae_tensors(vae)
    checkpoint = tmp_path / "vae.safetensors"
    for absent in (name for name in tensors if "upsample" in name or "mid.attn_1" in name):
        save_file({name: one for name, one in tensors.items() if name != absent}, checkpoint)
        assert "VAE: these are not the tensors" in refused(checkpoint, tmp_path / "out")


def vae_tensors(vae: AutoencoderKL) -> dict[str, torch.Tensor]:
    """An autoencoder's tensors by the names of the latent-diffusion code."""
    levels = len(vae.config.block_out_channels)
    renamed = {}
    for name, tensor in vae.state_dict().items():
        theirs = re.sub(r"up_blocks\.(\d)", lambda m: f"up.{levels - 1 - int(m[1])}", name)
        for before, after in (
            (r"down_blocks\.", "down."),
            (r"mid_block\.attentions\.0\.group_norm", "mid.attn_1.norm"),
            (r"mid_block\.attentions\.0\.to_out\.0", "mid.attn_1.proj_out"),
            (r"mid_block\.attentions\.0\.to_", "mid.attn_1."),
            (r"mid_block\.resnets\.0", "mid.block_1"),
            (r"mid_block\.resnets\.1", "mid.block_2"),
            (r"resnets\.", "block."),
            (r"samplers\.0", "sample"),
            ("conv_shortcut", "nin_shortcut"),
            ("conv_norm_out", "norm_out"),
        ):
            theirs = re.sub(before, after, theirs)
        attends = ".attn_1." in theirs and tensor.ndim == 2
        renamed[f"first_stage_model.{theirs}"] = tensor[..., None, None] if attends else tensor
    return renamed


@torch.no_grad()
def whole_checkpoint(folder: Path) -> tuple[Path, AutoencoderKL, CLIPVisionModel]:
    """Write a checkpoint with all five parts at sizes that a test can run."""
    torch.manual_seed(1)
    kinds = {"down_block_types": ["DownEncoderBlock2D"] * 4}
    kinds |= {"up_block_types": ["UpDecoderBlock2D"] * 4}
    vae = AutoencoderKL(block_out_channels=[32, 32, 32, 64], layers_per_block=2, **kinds).eval()
    clip = CLIPVisionModel(
        CLIPVisionConfig(
            hidden_size=64,
            intermediate_size=32,
            num_hidden_layers=2,
            num_attention_heads=1,
            image_size=28,
            patch_size=14,
        )
    ).eval()
    begin = "cond_stage_model.transformer.vision_model."
    tensors = small_checkpoint() | vae_tensors(vae)
    tensors |= small_conditioner_tensors(64, 1024, CONTEXT, 2)
    tensors |= {begin + name: tensor for name, tensor in clip.state_dict().items()}
    tensors[begin + "embeddings.position_ids"] = torch.arange(5)[None]
    for name, shape in shapes("ldn").items():
        tensors[f"ldn_stage_model.{name}"] = torch.zeros(shape)
    checkpoint = folder / "release.ckpt"
    torch.save({"state_dict": tensors}, checkpoint)
    return checkpoint, vae, clip


def test_a_whole_checkpoint_becomes_a_pipeline(tmp_path):
    """All five parts, with the release's settings."""
    checkpoint, vae, clip = whole_checkpoint(tmp_path)
    report = convert_slddm_release(checkpoint, tmp_path / "out")
    assert report.absent == ()
    assert report.unknown == ()
    index = json.loads((tmp_path / "out" / "model_index.json").read_text())
    assert index["ldn_factor"] == 0.5
    assert index["negative"] == "structured"
    image = torch.randn(1, 3, 28, 28)
    loaded = AutoencoderKL.from_pretrained(tmp_path / "out" / "vae")
    torch.testing.assert_close(loaded(image).sample, vae(image).sample)
    encoder = CLIPVisionModel.from_pretrained(tmp_path / "out" / "image_encoder")
    torch.testing.assert_close(
        encoder(pixel_values=image).pooler_output, clip(pixel_values=image).pooler_output
    )


@pytest.mark.slow
def test_the_harness_samples_a_converted_release(tmp_path):
    checkpoint, *_ = whole_checkpoint(tmp_path)
    convert_slddm_release(checkpoint, tmp_path / "out")
    outcome = api.run(
        "slddm",
        weights=str(tmp_path / "out"),
        options={"steps": 1, "guidance": 2.0},
        limit=1,
        metrics=("psnr",),
        out=tmp_path / "run",
    )
    assert outcome.result.samples.ok == 1


def refused(checkpoint: Path, out: Path) -> str:
    with pytest.raises(TpgbenchError) as caught:
        convert_slddm_release(checkpoint, out)
    assert not out.exists()
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_truncated_files_are_refused(tmp_path):
    for extension in ("ckpt", "safetensors"):
        checkpoint = tmp_path / f"release.{extension}"
        tensors = {"proj_out.weight": torch.zeros(100, 100)}
        torch.save(tensors, checkpoint) if extension == "ckpt" else save_file(tensors, checkpoint)
        checkpoint.write_bytes(checkpoint.read_bytes()[:-3000])
        assert str(checkpoint) in refused(checkpoint, tmp_path / "out")


def test_absent_and_foreign_files_are_refused(tmp_path):
    assert "cannot be read" in refused(tmp_path / "absent.ckpt", tmp_path / "out")
    text = tmp_path / "text.ckpt"
    text.write_text("not a checkpoint")
    assert str(text) in refused(text, tmp_path / "out")
    other = tmp_path / "other.pt"
    torch.save({"state_dict": {"fc.weight": torch.zeros(2)}}, other)
    assert "no tensor of SLDDM-TPG" in refused(other, tmp_path / "out")
    array = tmp_path / "list.pt"
    torch.save([1, 2], array)
    assert "no tensors by name" in refused(array, tmp_path / "out")


class Payload:
    """What runs when it is unpickled."""

    def __init__(self, trace: Path) -> None:
        self.trace = trace

    def __reduce__(self):
        return (Path.touch, (self.trace,))


def test_code_in_a_checkpoint_is_not_run(tmp_path):
    trace = tmp_path / "trace"
    checkpoint = tmp_path / "release.ckpt"
    torch.save({"state_dict": small_checkpoint(), "callbacks": Payload(trace)}, checkpoint)
    message = refused(checkpoint, tmp_path / "out")
    assert "holds more than tensors" in message
    assert "['state_dict']" in message
    assert not trace.exists()
    bare = tmp_path / "bare.ckpt"
    bare.write_bytes(pickle.dumps(Payload(trace)))
    refused(bare, tmp_path / "out")
    assert not trace.exists()


def test_a_stage_1_checkpoint_gives_the_ldn(tmp_path):
    tensors = {
        name: torch.zeros(shape, dtype=torch.int64 if name.endswith("tracked") else torch.float32)
        for name, shape in shapes("ldn").items()
    }
    checkpoint = tmp_path / "best.pth"
    torch.save(tensors, checkpoint)
    report = convert_slddm_release(str(checkpoint), str(tmp_path / "out"))
    assert report.out == tmp_path / "out"
    assert report.parts == ("ldn",)
    config = LDN.load_config(tmp_path / "out" / "ldn")
    assert config["ram_normalised_over"] == "tokens"
