"""The adaptive enhancement: exact at no gain, capped, batch-independent, and choosy."""

from __future__ import annotations

import pytest
import torch
from diffusers import DDIMScheduler
from tpgbench.core.errors import TpgbenchError
from tpgbench.reference_models.lora_dae.bands import band_deviations, split_bands
from tpgbench.reference_models.lora_dae.enhancement import (
    AdaptiveEnhancementScheduler,
    StatisticalGain,
)
from tpgbench.reference_models.lora_dae.gain_predictor import GainPredictor, LearnedGain
from tpgbench.reference_models.lora_dae.statistics import BandStatistics, schedule_hash
from tpgbench.reference_models.shared.estimate import estimate_clean

KINDS = ("epsilon", "sample", "v_prediction")
SHAPE = (3, 4, 8, 8)


def make_scheduler(kind: str = "epsilon", **changes: object) -> DDIMScheduler:
    settings = {"beta_schedule": "scaled_linear", "beta_start": 0.00085, "beta_end": 0.012}
    return DDIMScheduler(clip_sample=False, prediction_type=kind, **settings | changes)


def make_statistics(level: float = 5.0, *, garment: bool = False) -> BandStatistics:
    table = torch.full((4, 2, 4), level)
    schedule = schedule_hash(make_scheduler().alphas_cumprod)
    return BandStatistics(table, 2 * table if garment else None, schedule, (8, 8), 9)


def noise(seed: int) -> torch.Tensor:
    return torch.randn(SHAPE, generator=torch.Generator().manual_seed(seed))


def sample(scheduler: DDIMScheduler, dtype: torch.dtype = torch.float32) -> torch.Tensor:
    """Run ten steps with a network that is a fixed function of its input."""
    scheduler.set_timesteps(10)
    latents = noise(0).to(dtype)
    for timestep in scheduler.timesteps:
        said = (latents.roll(1, dims=-1) - 0.3 * latents).tanh()
        latents = scheduler.step(said, timestep, latents, return_dict=False)[0]
    return latents


def test_a_band_holds_the_detail_of_its_scale():
    flat = torch.ones(SHAPE)
    assert all(band.abs().max() < 1e-6 for band in split_bands(flat, 2))
    checks = (torch.arange(8)[:, None] + torch.arange(8)) % 2 * 2.0 - 1
    levels = band_deviations(split_bands(checks.expand(SHAPE), 2))
    assert levels[0, 0].tolist() == pytest.approx([1.0] * 4)
    assert levels[0, 1].max() < 1e-5


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_gamma_0_and_gains_of_1_are_ddim_bit_by_bit(kind, dtype):
    plain = sample(make_scheduler(kind), dtype)
    for rule in (
        None,
        StatisticalGain(make_statistics(), gamma=0.0),
        StatisticalGain(make_statistics(level=1e-4), gamma=1.0),  # all bands have their share
        LearnedGain(GainPredictor(), make_statistics()),  # not trained yet
    ):
        ours = AdaptiveEnhancementScheduler.from_scheduler(make_scheduler(kind), rule)
        assert torch.equal(sample(ours, dtype), plain)
    stronger = StatisticalGain(make_statistics(), gamma=1.0)
    ours = AdaptiveEnhancementScheduler.from_scheduler(make_scheduler(kind), stronger)
    assert not torch.equal(sample(ours, dtype), plain)


@pytest.mark.parametrize("kind", KINDS)
def test_the_estimate_and_the_direction_change_together(kind):
    scheduler = make_scheduler(kind)
    ours = AdaptiveEnhancementScheduler.from_scheduler(
        scheduler, StatisticalGain(make_statistics(), gamma=1.0, max_gain=1.5)
    )
    said, latents, alpha = noise(2), noise(3), scheduler.alphas_cumprod[500]
    before = estimate_clean(said, latents, alpha, kind)
    ours.set_timesteps(10)
    step = ours.step(said, 500, latents)
    bands = split_bands(before, 2)
    gains = (5.0 / band_deviations(bands)).clamp(1, 1.5)[..., None, None]
    wanted = before + (gains[:, 0] - 1) * bands[0] + (gains[:, 1] - 1) * bands[1]
    assert torch.allclose(step.pred_original_sample, wanted, atol=1e-5)
    direction = (latents - alpha.sqrt() * wanted) / (1 - alpha).sqrt()
    earlier = scheduler.alphas_cumprod[400]
    expected = earlier.sqrt() * wanted + (1 - earlier).sqrt() * direction
    assert torch.allclose(step.prev_sample, expected, atol=1e-4)


@pytest.mark.parametrize("learned", [False, True])
def test_gains_stay_within_their_cap(learned):
    statistics = make_statistics(level=1e6)
    rule: object = StatisticalGain(statistics, gamma=2.0, max_gain=1.3)
    lowest = 1.0
    if learned:
        predictor = GainPredictor(max_gain=1.3)
        torch.nn.init.normal_(predictor.out.weight, std=50)
        rule, lowest = LearnedGain(predictor, statistics), 1 / 1.3
    deviations = torch.rand(5, 2, 4) * 10 + 1e-6
    gains = rule.gains(deviations, 300, 1000, masked=False)
    assert gains.min() >= lowest - 1e-6
    assert gains.max() == pytest.approx(1.3, rel=1e-4)


def test_gains_do_not_compound_beyond_their_total():
    class Constant:
        def check(self, latents, alphas):
            pass

        def gains(self, deviations, timestep, timesteps, *, masked):
            return torch.full_like(deviations, gain)

    for gain, end in ((1.2, 1.5), (0.8, 1 / 1.5)):
        ours = AdaptiveEnhancementScheduler.from_scheduler(
            make_scheduler(), Constant(), max_total_gain=1.5
        )
        for _ in range(2):  # a second sampling starts anew
            ours.set_timesteps(10)
            allowed = [ours._within_total(torch.full((2, 2, 4), gain)) for _ in range(4)]
            product = torch.stack(allowed).prod(dim=0)
            assert torch.equal(allowed[0], torch.full((2, 2, 4), gain))
            assert torch.allclose(product, torch.full((2, 2, 4), end))
        plain = sample(make_scheduler())
        capped = sample(
            AdaptiveEnhancementScheduler.from_scheduler(
                make_scheduler(), Constant(), max_total_gain=1.0
            )
        )
        assert torch.equal(capped, plain)
    with pytest.raises(TpgbenchError, match="max_total_gain 0.5: give at least 1"):
        AdaptiveEnhancementScheduler.from_scheduler(make_scheduler(), max_total_gain=0.5)


def test_a_schedule_that_ends_in_pure_noise():
    zero = {"rescale_betas_zero_snr": True, "timestep_spacing": "trailing"}
    for kind in ("sample", "v_prediction"):
        scheduler = make_scheduler(kind, **zero)
        statistics = BandStatistics(
            torch.full((4, 2, 4), 5.0), None, schedule_hash(scheduler.alphas_cumprod), (8, 8), 9
        )
        rule = StatisticalGain(statistics, gamma=1.0)
        enhanced = sample(AdaptiveEnhancementScheduler.from_scheduler(scheduler, rule))
        assert enhanced.isfinite().all()
        assert not torch.equal(enhanced, sample(make_scheduler(kind, **zero)))
    with pytest.raises(TpgbenchError, match="give a base with v_prediction"):
        AdaptiveEnhancementScheduler.from_scheduler(make_scheduler(**zero))


def test_learned_gains_follow_the_device():
    rule = LearnedGain(GainPredictor(), make_statistics())
    gains = rule.gains(torch.ones(2, 2, 4, device="meta"), 300, 1000, masked=False)
    assert gains.device.type == "meta"


def test_a_sample_does_not_depend_on_its_neighbours():
    predictor = GainPredictor()
    torch.nn.init.normal_(predictor.out.weight)
    for rule in (
        StatisticalGain(make_statistics(), gamma=0.7),
        LearnedGain(predictor, make_statistics()),
    ):
        ours = AdaptiveEnhancementScheduler.from_scheduler(make_scheduler(), rule)
        ours.set_timesteps(10)
        said, latents = noise(4), noise(5)
        together = ours.step(said, 500, latents).prev_sample
        for index in range(3):
            ours.set_timesteps(10)
            alone = ours.step(said[index : index + 1], 500, latents[index : index + 1]).prev_sample
            assert torch.equal(alone[0], together[index])


def test_inside_a_mask_alone():
    statistics = make_statistics(garment=True)
    plain, ours = (
        AdaptiveEnhancementScheduler.from_scheduler(make_scheduler(), rule)
        for rule in (None, StatisticalGain(statistics, gamma=1.0))
    )
    mask = torch.zeros(3, 1, 64, 64)
    mask[..., :32] = 1  # the left half, at the photo's resolution
    ours.set_mask(mask)
    for scheduler in (plain, ours):
        scheduler.set_timesteps(10)
    first, second = (one.step(noise(6), 500, noise(7)).prev_sample for one in (plain, ours))
    assert torch.equal(first[..., 4:], second[..., 4:])
    assert not torch.equal(first[..., :4], second[..., :4])
    ours.set_mask(mask[:2])
    with pytest.raises(TpgbenchError, match="2 masks for 3 samples"):
        ours.step(noise(6), 500, noise(7))
    with pytest.raises(TpgbenchError, match="no statistics of garments"):
        make_statistics().at(0, 1000, masked=True)


class TestStatistics:
    def test_they_survive_their_file_and_are_read_between_bins(self, tmp_path):
        table = torch.arange(4.0)[:, None, None].expand(4, 2, 4)
        BandStatistics(table, table, "abc", (8, 6), 7).save(str(tmp_path))
        read = BandStatistics.load(str(tmp_path))
        assert (read.schedule, read.latent_size, read.samples) == ("abc", (8, 6), 7)
        assert torch.equal(read.garment, table)
        assert read.at(0, 1000, masked=False)[0, 0] == 0
        assert read.at(999, 1000, masked=False)[0, 0] == 3
        assert read.at(250, 1000, masked=False)[0, 0] == pytest.approx(0.502)

    def test_another_schedule_resolution_or_autoencoder_is_refused(self):
        rule = StatisticalGain(make_statistics())
        other = AdaptiveEnhancementScheduler.from_scheduler(make_scheduler(beta_end=0.02), rule)
        other.set_timesteps(10)
        with pytest.raises(TpgbenchError, match="another noise schedule"):
            other.step(noise(0), 500, noise(0))
        ours = AdaptiveEnhancementScheduler.from_scheduler(make_scheduler(), rule)
        ours.set_timesteps(10)
        for shape in ((1, 4, 8, 16), (1, 8, 8, 8)):
            with pytest.raises(TpgbenchError, match="is for latents of 4x8x8, not"):
                ours.step(torch.zeros(shape), 500, torch.zeros(shape))

    def test_a_damaged_or_missing_file_says_how_to_get_one(self, tmp_path):
        with pytest.raises(TpgbenchError, match="--stage statistics"):
            BandStatistics.load(tmp_path)
        (tmp_path / "band_statistics.safetensors").write_bytes(b"no")
        with pytest.raises(TpgbenchError, match="cannot be read"):
            BandStatistics.load(tmp_path)

    def test_impossible_strengths_are_refused(self):
        for change in ({"gamma": -0.1}, {"max_gain": 0.9}):
            with pytest.raises(TpgbenchError, match="give gamma >= 0"):
                StatisticalGain(make_statistics(), **change)
