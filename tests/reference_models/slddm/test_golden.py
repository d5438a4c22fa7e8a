"""The networks compute what the public release computes, for weights that a rule fills in.

Rule and numbers: ``tests/data/slddm_release/README.md``.
"""

from __future__ import annotations

import json
import zlib

import numpy as np
import pytest
import torch
from diffusers import DDIMScheduler
from places import DATA
from tpgbench.reference_models.slddm import load_release_ldn, load_release_unet

GOLDEN = DATA / "slddm_release"


def filled(name: str, shape: list[int]) -> torch.Tensor:
    if name.endswith("num_batches_tracked"):
        return torch.zeros(shape, dtype=torch.int64)
    generator = np.random.default_rng(zlib.crc32(f"7:{name}".encode()))
    v = generator.standard_normal(shape).astype(np.float32)
    if name.endswith("running_var"):
        v = 1 + 0.1 * abs(v)
    elif name.endswith("running_mean"):
        v = 0.1 * v
    elif v.ndim >= 2:
        v = v / np.sqrt(np.prod(shape[1:]))
    elif name.endswith("weight"):
        v = 1 + 0.1 * v
    elif v.size == 1:
        v = 0.5 + 0.1 * v
    else:
        v = 0.1 * v
    return torch.from_numpy(np.asarray(v, dtype=np.float32))


def state_dict(part: str) -> dict[str, torch.Tensor]:
    keys = json.loads((GOLDEN / f"{part}_keys.json").read_text())
    return {name: filled(name, shape) for name, shape in keys.items()}


def vectors(part: str) -> dict[str, torch.Tensor]:
    with np.load(GOLDEN / f"{part}_io.npz") as stored:
        return {name: torch.from_numpy(stored[name]) for name in stored}


@pytest.fixture(scope="module")
def unet():
    return load_release_unet(state_dict("unet"))


@torch.no_grad()
def test_ldn_features_are_the_releases():
    golden = vectors("ldn")
    latent = golden.pop("latent")
    features = load_release_ldn(state_dict("ldn"))(latent)
    assert features.keys() == golden.keys()
    for name, expected in golden.items():
        torch.testing.assert_close(features[name], expected, atol=1e-4, rtol=0, msg=name)


@torch.no_grad()
def test_unet_noise_is_the_releases(unet):
    golden = vectors("unet")
    inputs = (golden["x"], golden["timestep"], golden["clip"])
    both = unet(*inputs, [golden["content"], golden["structured"]])
    torch.testing.assert_close(both, golden["eps"], atol=1e-4, rtol=0)
    single = unet(*inputs, [golden["content"]])
    torch.testing.assert_close(single, golden["eps_single_context"], atol=1e-4, rtol=0)


@torch.no_grad()
def test_ddim_chain_is_the_releases(unet):
    golden = vectors("ddim")
    scheduler = DDIMScheduler(
        beta_schedule="scaled_linear",
        beta_start=0.00085,
        beta_end=0.0120,
        clip_sample=False,
        set_alpha_to_one=False,
        steps_offset=1,
    )
    scheduler.set_timesteps(10)
    assert sorted(scheduler.timesteps.tolist()) == golden["timesteps"].tolist()
    latent = golden["x_T"]
    known = torch.cat([golden["garment_latent"], golden["mask"]], dim=1)
    contexts = [golden["content"], golden["structured"]]
    for timestep in scheduler.timesteps:
        sample = torch.cat([latent, known], dim=1)
        noise = unet(sample, timestep.expand(len(latent)), golden["clip"], contexts)
        latent = scheduler.step(noise, timestep, latent, eta=0.0).prev_sample
    error = (latent - golden["latent"]).norm() / golden["latent"].norm()
    assert error < 1e-3
