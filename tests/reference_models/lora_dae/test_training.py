"""LoRA-DAE from end to end: trained, saved, loaded by diffusers, run under the harness."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from click.testing import CliRunner
from commands import run_code
from diffusers import (
    AutoencoderKL,
    PNDMScheduler,
    StableDiffusionPipeline,
    UNet2DConditionModel,
)
from PIL import Image as Pillow
from safetensors.torch import load_file
from tpgbench.api import datasets as api_datasets
from tpgbench.api import runs as api
from tpgbench.benchmark.sample import MannequinSample
from tpgbench.cli.train import convert, train
from tpgbench.core.errors import TpgbenchError
from tpgbench.core.files import sha256_file
from tpgbench.reference_models.lora_dae.adapter import LORA_FILE
from tpgbench.reference_models.lora_dae.base_folder import base_files
from tpgbench.reference_models.lora_dae.export import export_training
from tpgbench.reference_models.lora_dae.lora import (
    ATTENTION,
    CONVOLUTION,
    LoraRanks,
    add_lora,
)
from tpgbench.reference_models.lora_dae.model import _CHECKPOINT as CHECKPOINT
from tpgbench.reference_models.lora_dae.model import LoraDae, LoraDaeConfig
from tpgbench.reference_models.lora_dae.pipeline import load_base, load_pipeline
from tpgbench.reference_models.lora_dae.rows import smooth_inside
from tpgbench.reference_models.lora_dae.statistics import BandStatistics
from tpgbench.reference_models.lora_dae.tokens import (
    describe_unread,
    make_word_tokenizer,
    unknown_words,
)
from tpgbench.reference_models.training.sessions import Session

CAPTION = "a model wears a red polka dot dress"


def make_clip_tokenizer(folder: Path) -> object:
    """Write a CLIP tokenizer that spells every word letter by letter, and return it."""
    from transformers import CLIPTokenizer
    from transformers.convert_slow_tokenizer import bytes_to_unicode

    letters = list(bytes_to_unicode().values())
    tokens = [*letters, *(f"{one}</w>" for one in letters), "<|startoftext|>", "<|endoftext|>"]
    folder.mkdir(parents=True)
    vocabulary = {token: index for index, token in enumerate(tokens)}
    (folder / "vocab.json").write_text(json.dumps(vocabulary), encoding="utf-8")
    (folder / "merges.txt").write_text("#version: 0.2\n", encoding="utf-8")
    return CLIPTokenizer(
        str(folder / "vocab.json"), str(folder / "merges.txt"), model_max_length=77
    )


def make_narrow_sd15(folder: Path, *, width: int = 32, seed: int = 0) -> Path:
    """Save a randomly initialised pipeline of Stable Diffusion 1.5's shape with narrow widths."""
    from transformers import CLIPTextConfig, CLIPTextModel

    torch.manual_seed(seed)
    tokenizer = make_clip_tokenizer(folder.with_name(f"{folder.name}-tokenizer"))
    text = CLIPTextConfig(
        vocab_size=len(tokenizer),
        hidden_size=width,
        intermediate_size=width,
        num_hidden_layers=1,
        num_attention_heads=2,
        bos_token_id=tokenizer.bos_token_id,
        eos_token_id=tokenizer.eos_token_id,
    )
    pipeline = StableDiffusionPipeline(
        vae=AutoencoderKL(
            down_block_types=("DownEncoderBlock2D",) * 4,
            up_block_types=("UpDecoderBlock2D",) * 4,
            block_out_channels=(16, 16, 16, 16),
            layers_per_block=1,
            norm_num_groups=8,
            latent_channels=4,
        ),
        text_encoder=CLIPTextModel(text),
        tokenizer=tokenizer,
        unet=UNet2DConditionModel(
            sample_size=8,
            block_out_channels=(width, 2 * width, 3 * width, 3 * width),
            norm_num_groups=8,
            cross_attention_dim=width,
            attention_head_dim=4,
        ),
        scheduler=PNDMScheduler(
            beta_schedule="scaled_linear",
            beta_start=0.00085,
            beta_end=0.012,
            skip_prk_steps=True,
            steps_offset=1,
        ),
        safety_checker=None,
        feature_extractor=None,
        requires_safety_checker=False,
    )
    pipeline.save_pretrained(folder)
    return folder


@pytest.fixture(scope="module")
def base(tmp_path_factory) -> Path:
    return make_narrow_sd15(tmp_path_factory.mktemp("base") / "sd15")


@pytest.fixture(scope="module")
def photos(tmp_path_factory) -> Path:
    """A packaged set of six drawn photos with captions in several scripts."""
    source = tmp_path_factory.mktemp("photos")
    (source / "images").mkdir()
    captions = ["a red dress", "一个穿红裙子的女人", "dress 👗", "a " * 900, "blue coat", "tee"]
    rows = []
    for index, caption in enumerate(captions):
        pixels = np.random.default_rng(index).integers(0, 256, (72, 48, 3), dtype=np.uint8)
        Pillow.fromarray(pixels).save(source / "images" / f"{index}.png")
        split = "train" if index < 4 else "test"
        rows.append({"file_name": f"images/{index}.png", "caption": caption, "split": split})
    (source / "metadata.jsonl").write_text(
        "".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8"
    )
    out = tmp_path_factory.mktemp("set") / "set"
    api_datasets.build_dataset("fashion-mannequin", source=source, out=out)
    return out


def run_command(*arguments: object) -> None:
    outcome = CliRunner().invoke(train, ["lora-dae", *map(str, arguments)])
    if outcome.exception is not None and not isinstance(outcome.exception, SystemExit):
        raise outcome.exception
    assert outcome.exit_code == 0, outcome.output


@pytest.fixture(scope="module")
def trained(tmp_path_factory, base, photos) -> Path:
    """The narrow Stable Diffusion after the very commands of the full one."""
    out = tmp_path_factory.mktemp("trained")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(out / "cache"))
        run_command(
            *("--preset", "smoke", "--base", base, "--dataset", photos, "--no-held-out"),
            *("--rank-attn", 2, "--rank-conv", 3, "--out", out),
        )
    return out


def trained_base(folder: Path) -> Path:
    return Path(json.loads((folder / "lora" / "adapter.json").read_text())["base"])


def paint(pipeline: StableDiffusionPipeline, seed: int = 0) -> np.ndarray:
    pipeline.set_progress_bar_config(disable=True)
    return pipeline(
        CAPTION,
        height=64,
        width=64,
        num_inference_steps=3,
        generator=torch.Generator().manual_seed(seed),
        output_type="np",
    ).images[0]


def check_saved_adapter(base: Path, folder: Path, trained: str) -> None:
    """Assert that diffusers loads what `save_lora` wrote, the parameters named ``trained`` too."""
    from tpgbench.reference_models.lora_dae.lora import save_lora

    pipeline = load_base(str(base))
    add_lora(pipeline.unet, LoraRanks(2, 5))
    for name, parameter in pipeline.unet.named_parameters():
        if "lora_B" in name and trained in name:
            torch.nn.init.normal_(parameter, std=0.5)
    save_lora(pipeline.unet, folder)
    plain = load_base(str(base))
    before = paint(plain)
    plain.load_lora_weights(str(folder))
    assert np.allclose(paint(plain), paint(pipeline), atol=1e-4)
    assert not np.allclose(before, paint(pipeline), atol=1e-3)


class TestFullSizePath:
    def test_the_lora_file_is_the_standard_one(self, trained, base):
        tensors = load_file(trained / "lora" / "pytorch_lora_weights.safetensors")
        ranks = {
            kind: {
                value.shape[0]
                for name, value in tensors.items()
                if "lora_A" in name or ".down." in name
                if ("attn2" in name) == (kind == "attention")
            }
            for kind in ("attention", "convolution")
        }
        assert ranks == {"attention": {2}, "convolution": {3}}
        # 64 layers of each kind, as in Stable Diffusion 1.5, two matrices a layer.
        assert len(tensors) == 2 * (64 + 64)

        for tensor in tensors.values():
            tensor.normal_(generator=torch.Generator().manual_seed(1), std=0.05)
        folder = trained / "strong"
        shutil.copytree(trained / "lora", folder, dirs_exist_ok=True)
        from safetensors.torch import save_file

        save_file(tensors, folder / "pytorch_lora_weights.safetensors")
        ours = load_pipeline(folder, enhancement="none")
        plain = StableDiffusionPipeline.from_pretrained(base, safety_checker=None)
        plain.scheduler = ours.scheduler
        without = paint(plain)
        plain.load_lora_weights(str(folder))
        assert np.array_equal(paint(plain), paint(ours))
        assert not np.allclose(without, paint(ours), atol=1e-3)

    def test_a_trained_adapter_paints_as_when_it_was_saved(self, base, tmp_path):
        check_saved_adapter(base, tmp_path, "lora_B")

    def test_it_runs_under_the_harness_with_every_part(self, trained, photos, tmp_path):
        statistics = BandStatistics.load(trained / "lora")
        assert statistics.latent_size == (8, 8)
        assert statistics.garment is None
        for index, options in enumerate(
            (
                {"enhancement": "learned", "freeu": True},
                {"lora": "none", "enhancement": "none", "pag": 2.0},
            )
        ):
            outcome = api.run(
                "lora-dae",
                dataset=photos,
                weights=str(trained),
                size=64,
                options={"steps": 2, **options},
                out=tmp_path / str(index),
            )
            assert outcome.result.samples.ok == 2

    def test_another_base_and_another_resolution_are_refused(self, trained, tmp_path):
        other = make_narrow_sd15(tmp_path / "other", width=64)
        with pytest.raises(TpgbenchError, match="belongs to another base model"):
            load_pipeline(trained / "lora", base=str(other))
        alike = make_narrow_sd15(tmp_path / "alike", seed=1)
        with pytest.raises(TpgbenchError, match="was trained on another base: the weights"):
            load_pipeline(trained / "lora", base=str(alike))
        load_base(str(trained_base(trained))).to(torch.float16).save_pretrained(tmp_path / "half")
        load_pipeline(trained / "lora", base=str(tmp_path / "half"))
        pipeline = load_pipeline(trained / "lora", gamma=1.0)
        with pytest.raises(TpgbenchError, match="is for latents of 4x8x8, not 4x16x16"):
            pipeline(CAPTION, height=128, width=128, num_inference_steps=1)


@pytest.fixture(scope="module")
def tiny(tmp_path_factory) -> Path:
    """The preset smoke, all stages, on mannequin-synth."""
    out = tmp_path_factory.mktemp("tiny")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(out / "cache"))
        run_command("--preset", "smoke", "--out", out)
    return out


def make_model(folder: Path, **options: object) -> LoraDae:
    model = LoraDae(LoraDaeConfig(steps=2, **options))
    model.load("cpu", "fp32", str(folder))
    return model


def identifying_sums(model: LoraDae, folder: Path) -> dict[str, str]:
    return {name: sha256_file(file) for name, file in model.weight_files(str(folder)).items()}


class TestTinyBase:
    def test_the_base_is_a_folder_that_diffusers_loads(self, tiny):
        pipeline = StableDiffusionPipeline.from_pretrained(tiny / "base", safety_checker=None)
        assert paint(pipeline).shape == (64, 64, 3)

    @pytest.mark.parametrize("part", ["attn2", "resnets"])
    def test_the_lora_of_a_base_whose_first_block_has_no_attention(self, tiny, tmp_path, part):
        check_saved_adapter(tiny / "base", tmp_path, part)

    def test_training_leaves_the_autoencoder_as_it_was(self, tiny, tmp_path):
        vae = tiny / "base" / "vae"
        given = load_file(vae / "diffusion_pytorch_model.safetensors")
        run_command(
            *("--preset", "smoke", "--stage", "base", "--start", tiny / "base"),
            *("--autoencoder", vae, "--out", tmp_path / "more"),
        )
        after = tmp_path / "more" / "base"
        kept = load_file(after / "vae" / "diffusion_pytorch_model.safetensors")
        assert all(torch.equal(kept[name], value) for name, value in given.items())
        unet = "unet/diffusion_pytorch_model.safetensors"
        assert not torch.equal(
            load_file(after / unet)["conv_in.weight"],
            load_file(tiny / "base" / unet)["conv_in.weight"],
        )
        assert (tmp_path / "more" / "earlier" / "000" / "train-base" / "curve.jsonl").is_file()

    def test_garments_have_statistics_of_their_own(self, tiny):
        statistics = BandStatistics.load(tiny / "lora")
        assert statistics.garment.shape == statistics.picture.shape == (3, 2, 24)
        assert statistics.samples == 4 * 3
        assert not torch.allclose(statistics.garment, statistics.picture)

    def test_a_checkpoint_is_the_training_in_half_precision(self, tiny, tmp_path):
        out = tmp_path / "checkpoint"
        outcome = CliRunner().invoke(convert, ["lora-dae-training", str(tiny), "--out", str(out)])
        assert outcome.exit_code == 0, outcome.output
        samples = [MannequinSample("0", 64, CAPTION)]
        for options in ({}, {"enhancement": "learned"}, {"lora": "none", "enhancement": "none"}):
            (ours,) = make_model(out, **options).generate(samples, [3])
            (wanted,) = make_model(tiny, **options).generate(samples, [3])
            assert np.abs(ours.astype(int) - wanted).mean() < 2
        card = (out / "README.md").read_text()
        assert "| base/unet |" in card
        assert "| LoRA | 2 | 8 |" in card
        assert str(tiny.parent) not in card
        for unknown in ("license", "embedded", "validation split", "160 thousand", "small"):
            assert unknown not in card
        with pytest.raises(TpgbenchError, match="holds something other than a checkpoint"):
            export_training(tiny, tiny)
        export_training(tiny, out)  # an older checkpoint makes room
        assert load_pipeline(out).scheduler.rule is not None
        moved = shutil.move(out, tmp_path / "moved")
        make_model(moved)
        with pytest.raises(TpgbenchError, match="is of the kind 'full': give -o lora=full"):
            make_model(moved / "lora", lora="attention")

        weights = moved / "base" / "unet" / "diffusion_pytorch_model.safetensors"
        data = bytearray(weights.read_bytes())
        data[-1] ^= 1
        weights.write_bytes(data)
        with pytest.raises(TpgbenchError, match="the file is damaged or was changed"):
            make_model(moved)
        weights.unlink()
        with pytest.raises(TpgbenchError, match="has no 'base/unet/.*it is not complete"):
            make_model(moved)

    def test_an_image_hangs_on_its_own_seed_and_caption(self, tiny):
        model = make_model(tiny)
        samples = [MannequinSample(str(i), 64, text) for i, text in enumerate([CAPTION, "a tee"])]
        first, second = model.generate(samples, [1, 2])
        (alone,) = model.generate(samples[1:], [2])
        assert np.abs(alone.astype(int) - second).max() <= 1
        assert not np.array_equal(first, second)

    @pytest.mark.parametrize("told", ["lora/adapter.json", "base/unet/config.json"])
    def test_what_it_is_told_identifies_it_too(self, tiny, tmp_path, told):
        copy = Path(shutil.copytree(tiny, tmp_path / "copy"))
        model = LoraDae(LoraDaeConfig(steps=2))
        before = identifying_sums(model, copy)
        with (copy / told).open("a") as stream:
            stream.write("\n")
        assert identifying_sums(model, copy) != before

    def test_it_says_what_it_does_not_read_and_refuses_what_says_nothing(self, tiny):
        model = make_model(tiny, enhancement="none")
        with pytest.warns(UserWarning, match="does not know '女人', '👗'"):
            model.generate([MannequinSample("a", 64, "女人 👗 dress")], [0])
        with pytest.warns(UserWarning, match="reads only the first 40 of 10000 tokens"):
            model.generate([MannequinSample("a", 64, "dress " * 10_000)], [0])
        with pytest.raises(TpgbenchError, match="the caption is empty"):
            model.generate([MannequinSample("a", 64, " \n")], [0])
        with pytest.raises(TpgbenchError, match="no garment mask"):
            make_model(tiny, masked=True).generate([MannequinSample("a", 64, CAPTION)], [0])

    @pytest.mark.parametrize(
        ("count", "message"), [(2, "2 photos at once: lower --batch-size"), (1, "--precision bf16")]
    )
    def test_short_memory_names_the_setting_to_lower(self, tiny, monkeypatch, count, message):
        model = make_model(tiny)

        def fail(*_: object, **__: object) -> None:
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2 GiB")

        monkeypatch.setattr(model.pipeline.unet, "forward", fail)
        samples = [MannequinSample(str(i), 64, CAPTION) for i in range(count)]
        with pytest.raises(TpgbenchError, match=message):
            model.generate(samples, list(range(count)))

    def test_attention_alone_must_have_been_trained(self, tiny):
        with pytest.raises(TpgbenchError, match="has no lora-attention: .* --rank-conv 0"):
            make_model(tiny, lora="attention")


class TestEmbedded:
    def test_it_runs_by_itself_on_its_own_dataset(self, tmp_path):
        outcome = api.run("lora-dae", limit=1, options={"steps": 2}, out=tmp_path / "run")
        assert outcome.result.dataset == "mannequin-synth"
        assert outcome.result.samples.ok == 1

    def test_the_card_counts_its_parameters_and_it_is_small(self):
        files = [*base_files(str(CHECKPOINT / "base")), CHECKPOINT / "lora" / LORA_FILE]
        files = [file for file in files if file.suffix == ".safetensors"]
        buffers = ("normalise.", "position_ids")
        counted = sum(
            tensor.numel()
            for file in files
            for name, tensor in load_file(file).items()
            if not any(buffer in name for buffer in buffers)
        )
        assert LoraDae.card.parameters == counted
        sizes = [path.stat().st_size for path in CHECKPOINT.rglob("*") if path.is_file()]
        assert sum(sizes) < 12e6


class TestRefusals:
    @pytest.mark.parametrize(
        ("arguments", "message"),
        [
            (("--size", 100), "--size 100: give a size divisible by 8"),
            (("--rank-attn", 0, "--rank-conv", 0), "give ranks of at least 1"),
            (("--rank-conv", 500), "rank 500 is above the width"),
        ],
    )
    def test_before_anything_is_trained(self, tmp_path, arguments, message):
        with pytest.raises(TpgbenchError, match=message):
            run_command("--preset", "smoke", "--out", tmp_path / "out", *arguments)
        assert not (tmp_path / "out").exists()

    def test_a_start_that_is_no_base_leaves_nothing(self, tmp_path):
        (tmp_path / "empty").mkdir()
        Session(tmp_path, "the training whose base it would be").record()
        arguments = ("--preset", "smoke", "--no-held-out", "--start", tmp_path / "empty")
        with pytest.raises(TpgbenchError, match=r"empty: has no readable model_index\.json"):
            run_command(*arguments, "--out", tmp_path / "out")
        assert not (tmp_path / "out").exists()

    def test_a_start_beside_a_base_is_refused(self, tmp_path, base, photos):
        arguments = ("--base", base, "--dataset", photos, "--start", base, "--no-held-out")
        with pytest.raises(TpgbenchError, match=r"--start .* is not trained here; leave it out"):
            run_command(*arguments, "--out", tmp_path / "out")
        assert not (tmp_path / "out").exists()

    def test_a_held_out_split_that_is_not_there(self, tmp_path, photos):
        arguments = ("--preset", "smoke", "--dataset", photos, "--out", tmp_path / "out")
        with pytest.raises(TpgbenchError, match="--held-out validation: "):
            run_command(*arguments)
        assert not (tmp_path / "out").exists()

    def test_a_refused_command_is_no_session(self, tmp_path, tiny):
        out = shutil.copytree(tiny, tmp_path / "out", ignore=shutil.ignore_patterns("cache"))
        sessions = (out / "sessions.jsonl").read_text()
        with pytest.raises(TpgbenchError, match="of another training"):
            run_command("--preset", "smoke", "--out", out, "--learning-rate", 0.5)
        assert (out / "sessions.jsonl").read_text() == sessions

    @pytest.mark.parametrize(
        ("ranks", "message"),
        [
            ((0, 0), "give ranks of at least 1"),
            ((-1, 4), "give ranks of at least 1"),
            ((64, 4), "rank 64 is above the width 32"),
            ((4, 33), "rank 33 is above the width"),
        ],
    )
    def test_ranks(self, base, ranks, message):
        with pytest.raises(TpgbenchError, match=message):
            add_lora(load_base(str(base)).unet, LoraRanks(*ranks))

    def test_bases_of_another_kind(self, tmp_path, base):
        with pytest.raises(TpgbenchError, match="no folder here, and unavailable on the hub"):
            load_base(str(tmp_path / "nowhere"))
        with pytest.raises(TpgbenchError, match=r"no readable model_index\.json"):
            load_base(str(tmp_path))
        index = {"_class_name": "FluxPipeline", "transformer": ["diffusers", "FluxTransformer2D"]}
        (tmp_path / "model_index.json").write_text(json.dumps(index))
        with pytest.raises(TpgbenchError, match="a FluxPipeline is not of Stable Diffusion 1.5"):
            load_base(str(tmp_path))
        damaged = shutil.copytree(base, tmp_path / "damaged")
        (damaged / "unet" / "diffusion_pytorch_model.safetensors").write_bytes(b"torn")
        with pytest.raises(TpgbenchError, match="cannot be loaded as Stable Diffusion"):
            load_base(str(damaged))

    def test_no_checkpoint_is_one_line_that_says_how_to_train(self, monkeypatch, tmp_path):
        module = "tpgbench.reference_models.lora_dae.model._CHECKPOINT"
        monkeypatch.setattr(module, tmp_path / "none")
        with pytest.raises(TpgbenchError, match="tpgbench train lora-dae --out DIR"):
            LoraDae(LoraDaeConfig()).load("cpu", "fp32", None)

    def test_a_dataset_of_another_task(self, tmp_path, base):
        with pytest.raises(TpgbenchError, match="is for the task 'tpg'"):
            run_command("--base", base, "--dataset", "ctp-synth", "--out", tmp_path / "out")


def test_the_word_tokenizer_knows_every_caption_and_nothing_else():
    from tpgbench.datasets_builders.load import open_dataset

    tokenizer = make_word_tokenizer(40)
    rows = open_dataset("mannequin-synth", "test", size=64)
    captions = [rows[index].caption for index in range(3)]
    assert all(describe_unread(caption, tokenizer) is None for caption in captions)
    tokens = tokenizer(captions[0]).input_ids
    assert tokenizer.unk_token_id not in tokens
    assert unknown_words("A Dress, 裙子 of silk 👗!", tokenizer) == ["裙子", "silk", "👗", "!"]


def test_smoothing_stays_inside_the_garment():
    image = np.random.default_rng(0).integers(0, 256, (32, 32, 3), dtype=np.uint8)
    mask = np.zeros((32, 32), bool)
    mask[8:24, 8:24] = True
    smooth = smooth_inside(image, mask, 4.0)
    assert np.array_equal(smooth[~mask], image[~mask])
    assert smooth[mask].std() < 0.3 * image[mask].std()
    lone = np.where(mask[..., None], np.uint8(100), image)
    assert np.array_equal(smooth_inside(lone, mask, 4.0), lone)  # nothing comes in from outside


def test_the_patterns_match_sd15s_layers(base):
    import re

    unet = load_base(str(base)).unet
    for pattern in (ATTENTION, CONVOLUTION):
        matched = [name for name, _ in unet.named_modules() if re.fullmatch(pattern, name)]
        assert len(matched) == 64


def test_importing_the_package_imports_no_torch():
    code = "import sys, tpgbench.reference_models.lora_dae; assert 'torch' not in sys.modules"
    run_code(code)
