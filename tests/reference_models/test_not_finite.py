"""What a network computes as NaN fails its sample; it never becomes a black image."""

from __future__ import annotations

import numpy as np
import pytest
import torch
import tpgbench
from tpgbench.baselines.crop import Crop
from tpgbench.reference_models.lora_dae.model import LoraDae
from tpgbench.reference_models.slddm.model import SLDDM, SLDDMFill


def break_weights(pipeline: object) -> None:
    with torch.no_grad():
        next(pipeline.unet.parameters()).fill_(torch.nan)


def break_schedule(pipeline: object) -> None:
    pipeline.scheduler.alphas_cumprod = torch.full_like(
        pipeline.scheduler.alphas_cumprod, torch.nan
    )


@pytest.mark.parametrize("breaking", [break_weights, break_schedule])
@pytest.mark.parametrize(
    ("model", "options"),
    [(SLDDM, {}), (SLDDMFill, {}), (LoraDae, {"steps": 2, "enhancement": "none"})],
)
def test_a_network_that_computes_nan_fails_its_samples(
    model, options, breaking, monkeypatch, tmp_path
):
    load = model.load

    def broken(self, *arguments):
        load(self, *arguments)
        breaking(self.pipeline)

    monkeypatch.setattr(model, "load", broken)
    out = tmp_path / "run"
    outcome = tpgbench.generate(model.name, limit=2, options=options, out=out)
    assert outcome.exit_code == 1
    assert len(outcome.failures) == 2
    assert all("NaN or infinite" in error for error in outcome.failures.values())
    assert not list(outcome.run.store.generations.glob("*.png"))


def test_only_the_sample_that_is_nan_fails(monkeypatch, tmp_path):
    fill = Crop.fill
    calls = []

    def sometimes(self, cloth, mask, rng):
        calls.append(1)
        return np.full_like(cloth, np.nan) if len(calls) == 2 else fill(self, cloth, mask, rng)

    monkeypatch.setattr(Crop, "fill", sometimes)
    outcome = tpgbench.generate("crop", limit=3, out=tmp_path / "run")
    assert list(outcome.failures) == [outcome.run.sample_ids[1]]
