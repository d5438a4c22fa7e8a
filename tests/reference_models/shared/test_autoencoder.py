"""The tiny preset's first stage and image encoder."""

from __future__ import annotations

import math
from pathlib import Path

import pytest
import torch
from tpgbench.core.errors import TpgbenchError
from tpgbench.reference_models.shared.autoencoder import PatchAutoencoder, _cosine_basis
from tpgbench.reference_models.shared.image_losses import autoencoder_losses
from tpgbench.reference_models.slddm.image_encoder import GarmentEncoder
from tpgbench.reference_models.slddm.losses import info_nce


def small(**options: float) -> PatchAutoencoder:
    torch.manual_seed(0)
    return PatchAutoencoder(**({"latent_channels": 12, "width": 32} | options))


def blobs(rows: int = 8, size: int = 64) -> torch.Tensor:
    coarse = torch.rand(
        (rows, 3, size // 16, size // 16), generator=torch.Generator().manual_seed(0)
    )
    return torch.nn.functional.interpolate(coarse, (size, size), mode="bicubic").clamp(0, 1) * 2 - 1


def test_shapes_and_calls_are_those_of_autoencoder_kl() -> None:
    autoencoder = small().eval()
    images = blobs(2, 32)
    posterior = autoencoder.encode(images).latent_dist
    assert posterior.mode().shape == (2, 12, 4, 4)
    sample = posterior.sample(torch.Generator().manual_seed(0))
    assert (sample - posterior.mode()).std().item() == pytest.approx(0.05, rel=0.2)
    assert autoencoder.decode(posterior.mode()).sample.shape == images.shape
    assert autoencoder.config.scaling_factor == 1


@pytest.mark.parametrize("shape", [(20, 32), (32, 20)])
def test_sizes_that_are_no_multiple_of_the_patch_are_refused(shape: tuple[int, int]) -> None:
    with pytest.raises(TpgbenchError, match="divisible by 8"):
        small().encode(torch.zeros(1, 3, *shape))


def test_basis_is_orthonormal_and_starts_with_grey() -> None:
    basis, deviations = _cosine_basis(8)
    flat = basis.flatten(1)
    assert torch.allclose(flat @ flat.T, torch.eye(192), atol=1e-5)
    assert torch.allclose(basis[0], basis[0, 0, 0, 0].expand(3, 8, 8))
    assert (deviations.diff() <= 0).all()


def test_training_starts_from_a_cosine_transform_and_not_from_nothing() -> None:
    """With its blocks idle it restores what the kept coefficients hold."""
    autoencoder = small(latent_noise=1e-4)
    basis, _ = _cosine_basis(8)
    colours = torch.randn((4, 12, 4, 4), generator=torch.Generator().manual_seed(0))
    images = torch.nn.functional.conv_transpose2d(colours, basis[:12], stride=8)
    with torch.no_grad():
        autoencoder.train().encode(images)
        latents = autoencoder.normalise(autoencoder.to_latent(autoencoder.analysis(images)))
    # Each coefficient is its own channel, but for the scale and the mean.
    for channel in range(12):
        pair = torch.stack([latents[:, channel].flatten(), colours[:, channel].flatten()])
        assert torch.corrcoef(pair)[0, 1].item() == pytest.approx(1, abs=1e-4)


def test_training_lowers_the_loss_and_keeps_latents_at_variance_one() -> None:
    autoencoder, images = small(), blobs()
    generator = torch.Generator().manual_seed(0)
    optimizer = torch.optim.AdamW(autoencoder.parameters(), lr=2e-3)
    history = []
    for _ in range(60):
        decoded = autoencoder.decode(
            autoencoder.encode(images).latent_dist.sample(generator)
        ).sample
        loss = torch.stack(list(autoencoder_losses(decoded, images).values())).sum()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        history.append(loss.item())
    assert history[-1] < 0.4 * history[0]
    deviation, mean = torch.std_mean(autoencoder.encode(images).latent_dist.mode(), dim=(0, 2, 3))
    assert mean.abs().max() < 1e-4
    assert (deviation - 1).abs().max() < 0.02


def test_every_parameter_takes_part() -> None:
    autoencoder = small()
    images = blobs()
    # The blocks' last layers start at 0, and until they move nothing before them has a gradient.
    with torch.no_grad():
        for block in [*autoencoder.encoder, *autoencoder.decoder]:
            block.pointwise.weight.normal_(std=0.02)
    decoded = autoencoder.decode(autoencoder.encode(images).latent_dist.mode()).sample
    (decoded - images).abs().mean().backward()
    # The normalisation takes out what these two add.
    idle = {"to_latent.bias"}
    for name, parameter in autoencoder.named_parameters():
        if name not in idle:
            assert parameter.grad.abs().sum() > 0, name


def test_networks_fit_the_shipped_checkpoint() -> None:
    assert sum(one.numel() for one in PatchAutoencoder().parameters()) < 600_000
    assert sum(one.numel() for one in GarmentEncoder().parameters()) < 250_000


def test_both_come_back_from_disk(tmp_path: Path) -> None:
    images = blobs(2, 32)
    autoencoder = small()
    autoencoder.encode(images)  # moves the statistics
    encoder = GarmentEncoder(embedding_dim=16, widths=(8, 16))
    autoencoder.save_pretrained(tmp_path / "vae")
    encoder.save_pretrained(tmp_path / "encoder")
    first, second = autoencoder.eval(), PatchAutoencoder.from_pretrained(tmp_path / "vae")
    assert torch.equal(
        first.encode(images).latent_dist.mode(), second.encode(images).latent_dist.mode()
    )
    assert second.config.latent_channels == 12
    restored = GarmentEncoder.from_pretrained(tmp_path / "encoder")
    assert torch.equal(encoder.eval().embed(images), restored.embed(images))


def test_garment_encoder_learns_to_match_what_was_turned_over() -> None:
    torch.manual_seed(0)
    encoder = GarmentEncoder(embedding_dim=32, widths=(8, 16))
    images = blobs(8, 32)
    optimizer = torch.optim.AdamW(encoder.parameters(), lr=5e-3)
    for _ in range(40):
        loss = info_nce(encoder.embed(images), encoder.embed(images.flip(2, 3)))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    assert loss.item() < 0.2 * math.log(8)  # log 8: what chance gives
    embeddings = encoder.embed(images)
    assert embeddings.std(dim=1, unbiased=False).tolist() == pytest.approx([1] * 8, abs=1e-2)


def test_garment_encoder_gives_a_map_a_width() -> None:
    maps = GarmentEncoder().features(torch.zeros(1, 3, 64, 64))
    assert [tuple(one.shape) for one in maps] == [
        (1, 32, 16, 16),
        (1, 64, 8, 8),
        (1, 96, 4, 4),
    ]
