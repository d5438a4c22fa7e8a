"""The pipeline: what diffusers promises of one, and what the paper asks of sampling."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from commands import run_code
from diffusers import DDPMScheduler, DPMSolverMultistepScheduler, EulerDiscreteScheduler
from slddm_samples import SMALL, SMOKE_FILL, garments, generators, untrained
from tpgbench.core.errors import TpgbenchError
from tpgbench.reference_models.slddm import contexts
from tpgbench.reference_models.slddm import pipeline as pipeline_module
from tpgbench.reference_models.slddm.latents import carried_over, decode, encode
from tpgbench.reference_models.slddm.pipeline import SLDDMPipeline


@pytest.fixture(scope="module")
def pipeline():
    made = untrained()
    # Fresh U-Nets say nothing yet: their last layers are not zero, but nearly blind to contexts.
    torch.manual_seed(1)
    for parameter in made.unet.parameters():
        torch.nn.init.normal_(parameter, std=0.1)
    return made


def sample(pipeline, count=2, first=0, **given):
    images, masks = garments(4)
    rows = slice(first, first + count)
    given = {"num_inference_steps": 2, "generator": generators(4)[rows], **given}
    (result,) = pipeline(images[rows], masks[rows], output_type="pt", return_dict=False, **given)
    return result


def test_is_saved_and_loaded_by_diffusers_alone(pipeline, tmp_path):
    pipeline.save_pretrained(tmp_path)
    loaded = SLDDMPipeline.from_pretrained(tmp_path)
    loaded.set_progress_bar_config(disable=True)

    assert loaded.config.background == "mean"
    assert loaded.config.steps == SMALL.steps
    assert torch.equal(sample(loaded), sample(pipeline))


def test_the_shipped_checkpoint_needs_no_other_import():
    folder = Path(pipeline_module.__file__).parents[1] / "checkpoints" / "slddm"
    code = (
        "from tpgbench.reference_models.slddm import SLDDMPipeline\n"
        f"SLDDMPipeline.from_pretrained({str(folder)!r})"
    )
    # In a process of its own: diffusers takes parts only from modules that are imported already.
    run_code(code)


def test_gives_pictures_in_every_form(pipeline):
    tensor = sample(pipeline)
    images, masks = garments(2)
    given = {"num_inference_steps": 2, "generator": generators(2)}
    pictures = pipeline(images, masks, **given).images

    assert tensor.shape == (2, 3, 64, 64)
    assert 0 <= tensor.min() < tensor.max() <= 1
    assert [picture.size for picture in pictures] == [(64, 64)] * 2


# DDPM draws noise in every step, from the samples' own generators.
@pytest.mark.parametrize(
    "kind", [DPMSolverMultistepScheduler, EulerDiscreteScheduler, DDPMScheduler]
)
def test_runs_with_other_schedulers(pipeline, kind):
    before = pipeline.scheduler
    pipeline.scheduler = kind.from_config(before.config)
    try:
        first, again = sample(pipeline), sample(pipeline)
        alone = sample(pipeline, count=1, first=1)
        other = sample(pipeline, generator=generators(4)[2:])
    finally:
        pipeline.scheduler = before

    assert first.isfinite().all()
    assert torch.equal(first, again)
    assert not torch.allclose(first, other, atol=1e-3)
    assert torch.allclose(first[1:], alone, atol=1e-4)


def test_no_pattern_depends_on_its_neighbours(pipeline):
    together = sample(pipeline, count=4)

    alone = torch.cat([sample(pipeline, count=1, first=index) for index in range(4)])

    assert torch.allclose(together, alone, atol=1e-4)
    assert not torch.allclose(together[0], together[1], atol=1e-2)


def test_guidance_steers_away_from_the_defect_feature(pipeline, monkeypatch):
    asked = []

    def noted(unet, noisy, known, timesteps, context):
        asked.append(context)
        return contexts.predict(unet, noisy, known, timesteps, context)

    monkeypatch.setattr(pipeline_module, "predict", noted)

    plain = sample(pipeline, guidance_scale=1.0)
    assert len(asked) == 2  # once a step
    guided = sample(pipeline, guidance_scale=4.0)
    assert len(asked) == 6
    assert (plain - guided).abs().max() > 2e-5  # the untrained network hardly heeds contexts

    images, masks = garments(2)
    cloth = pipeline_module.cover_background(images, masks, "mean")
    latents = pipeline_module.encode(pipeline.vae, cloth)
    defect = pipeline.ldn(latents)["defect"]
    token = pipeline.conditioner.ldn_context(defect)
    away = asked[3]
    assert torch.allclose(away.ldn[0], token, atol=1e-5)
    assert torch.allclose(away.ldn[1], token, atol=1e-5)
    assert torch.equal(away.image, pipeline.conditioner.unconditional(2))


def test_starts_from_the_noised_garment(pipeline, monkeypatch):
    starts = []
    noise = pipeline.scheduler.add_noise

    def noted(source, drawn, timesteps):
        starts.append((source, timesteps.tolist()))
        return noise(source, drawn, timesteps)

    monkeypatch.setattr(pipeline.scheduler, "add_noise", noted, raising=False)
    sample(pipeline)
    sample(pipeline, strength=0.5)

    images, masks = garments(2)
    cloth = pipeline_module.cover_background(images, masks, "mean")
    assert torch.allclose(starts[0][0], pipeline_module.encode(pipeline.vae, cloth), atol=1e-5)
    assert starts[0][1] == [999]
    assert starts[1][1] == [499]


def test_the_extension_starts_from_the_fill():
    extended = untrained(SMOKE_FILL)
    images, masks = garments(2)
    given = {"num_inference_steps": 1, "output_type": "pt", "return_dict": False}

    (one,) = extended(images, masks, images, generator=generators(2), **given)
    (other,) = extended(images, masks, -images, generator=generators(2), **given)

    assert not torch.allclose(one, other, atol=1e-2)
    with pytest.raises(TpgbenchError, match="needs a filled garment"):
        extended(images, masks, **given)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"size": 60}, "60 x 60 px: give squares whose side is divisible by 8"),
        ({"masks": 1}, "give one mask per garment"),
        ({"fill": True}, "takes no fill"),
        ({"strength": 0.0}, "give 0 < strength <= 1"),
        ({"num_inference_steps": -1}, "steps >= 1"),
        ({"size": 128}, r"LDN: latents of shape \(24, 16, 16\), but it takes \(24, 8, 8\)"),
    ],
)
def test_wrong_input_is_refused_in_one_line(pipeline, change, message):
    images, masks = garments(2, change.pop("size", 64))
    masks = masks[: change.pop("masks", 2)]
    fill = images if change.pop("fill", False) else None

    with pytest.raises(TpgbenchError, match=message):
        pipeline(images, masks, fill, **{"num_inference_steps": 1, **change})


@pytest.mark.parametrize(
    "tracks", [[], ["aligned"], ["aligned", "aligned", "aligned"], "unaligned", ["x", "aligned"]]
)
def test_each_garment_has_one_track(pipeline, tracks):
    with pytest.raises(TpgbenchError, match="for 2 garments: give each 'aligned' or 'unaligned'"):
        pipeline(*garments(2), tracks=tracks)


@torch.no_grad()
def test_a_canonical_tile_takes_nothing_over_that_lies_in_the_garment_s_frame():
    vae = untrained().vae
    images, _ = garments(2)
    latents = encode(vae, images)
    beyond = carried_over(vae, images, latents, contexts.label_tracks(["aligned", "unaligned"]))

    torch.testing.assert_close(beyond[0], (images - decode(vae, latents))[0])
    assert beyond[0].abs().max() > 0.01
    assert not beyond[1].any()


def test_guidance_goes_by_the_wanted_track_on_both_branches(pipeline, monkeypatch):
    asked = []

    def predict(unet, noisy, known, timesteps, context):
        asked.append(context.track_labels.tolist())
        return torch.zeros_like(noisy)

    monkeypatch.setattr(pipeline_module, "predict", predict)
    pipeline(
        *garments(2),
        tracks=["unaligned", "aligned"],
        num_inference_steps=1,
        guidance_scale=2.0,
        generator=generators(2),
    )
    assert asked == [[1, 0], [1, 0]]
