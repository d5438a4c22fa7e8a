"""The losses of SLDDM-TPG, by their formulas, their minima and their gradients."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from tpgbench.core.errors import TpgbenchError
from tpgbench.metrics.ssim import ssim
from tpgbench.reference_models.shared.image_losses import (
    autoencoder_losses,
    gradient_loss,
    l1_loss,
    masked_mse,
    ssim_loss,
)
from tpgbench.reference_models.slddm.image_encoder import GarmentEncoder
from tpgbench.reference_models.slddm.losses import (
    convolutional_local_similarity_loss,
    info_nce,
    perceptual_loss,
    scm_loss,
    stable_transformation_losses,
    texture_triplet_loss,
)


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def noise(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(shape, generator=seeded(seed))


def stripes(period: int, size: int = 48, rows: int = 2) -> torch.Tensor:
    wave = torch.sin(torch.arange(size) * (2 * math.pi / period))
    return wave.expand(rows, 3, size, size).clone()


def has_gradient(tensor: torch.Tensor) -> bool:
    return bool(tensor.grad.isfinite().all() and tensor.grad.abs().sum() > 0)


def views(content: torch.Tensor, predicted: torch.Tensor) -> dict[str, torch.Tensor]:
    return {"content": content, "content_predicted": predicted}


def test_scm_is_the_mean_of_both_cosines_negated() -> None:
    first = views(torch.tensor([[1.0, 0.0]]), torch.tensor([[0.0, 2.0]]))
    second = views(torch.tensor([[0.0, 3.0]]), torch.tensor([[1.0, 1.0]]))
    # cos(p_1, f_2) = 1 and cos(p_2, f_1) = 1 / sqrt 2.
    expected = -(1 + 1 / math.sqrt(2)) / 2
    assert scm_loss(first, second).item() == pytest.approx(expected)


def test_scm_teaches_the_prediction_and_not_the_content() -> None:
    content, predicted = noise(4, 8).requires_grad_(), noise(4, 8, seed=1).requires_grad_()
    scm_loss(views(content, predicted), views(content, predicted)).backward()
    assert content.grad is None
    assert has_gradient(predicted)


def test_texture_triplet_by_hand() -> None:
    pattern = {"defect": torch.tensor([[0.0, 0.0], [0.0, 0.0]])}
    garment = {
        "defect": torch.tensor([[2.0, 0.0], [0.0, 0.0]]),  # d = 2, 0
        "structured": torch.tensor([[1.0, 1.0], [2.0, 2.0]]),  # d = 1, 4
    }
    paper = texture_triplet_loss(pattern, garment, margin=0.5)
    assert paper.item() == pytest.approx((0 + 4.5) / 2)
    release = texture_triplet_loss(pattern, garment, margin=0.5, variant="release")
    assert release.item() == pytest.approx(((1 - 0.2 + 0.5) + (0 - 0.8 + 0.5)) / 2)


def test_texture_triplet_pulls_the_mended_feature_and_pushes_the_defect() -> None:
    anchor, defect, mended = torch.zeros(1, 4), torch.ones(1, 4), torch.ones(1, 4)
    garment = {"defect": defect.requires_grad_(), "structured": mended.requires_grad_()}
    texture_triplet_loss({"defect": anchor}, garment).backward()
    assert (mended.grad > 0).all()  # descent takes it towards the anchor
    assert (defect.grad < 0).all()


def test_std_is_zero_when_all_garments_become_patterns_by_the_same_step() -> None:
    garments = noise(4, 16)
    losses = stable_transformation_losses(garments, garments + noise(1, 16, seed=1))
    assert [loss.item() for loss in losses] == pytest.approx([0, 0], abs=1e-5)


def test_std_by_hand() -> None:
    garments = torch.tensor([[0.0, 0.0], [1.0, 0.0]])
    patterns = torch.tensor([[0.0, 1.0], [1.0, 2.0]])
    # Differences (-1, 0) and (-1, -1); steps (0, 1) and (0, 2).
    in_domain, cross_domain = stable_transformation_losses(garments, patterns)
    assert in_domain.item() == pytest.approx(1 - 1 / math.sqrt(2))
    assert cross_domain.item() == pytest.approx(0, abs=1e-6)
    _, turned = stable_transformation_losses(garments, torch.tensor([[0.0, 1.0], [1.0, -2.0]]))
    assert turned.item() == pytest.approx(2)


def test_std_averages_over_all_pairs() -> None:
    garments, patterns = noise(5, 8), noise(5, 8, seed=1)
    pairs = [(i, j) for i in range(5) for j in range(i)]
    cosine = torch.nn.functional.cosine_similarity
    expected = [
        1 - cosine(garments[i] - garments[j], patterns[i] - patterns[j], dim=0) for i, j in pairs
    ]
    in_domain, _ = stable_transformation_losses(garments, patterns)
    assert in_domain.item() == pytest.approx(torch.stack(expected).mean().item(), rel=1e-5)


@pytest.mark.parametrize("same", ["rows", "domains", "all"])
def test_std_survives_identical_features(same: str) -> None:
    garments, patterns = noise(3, 8), noise(3, 8, seed=1)
    if same in ("rows", "all"):
        garments, patterns = garments[:1].repeat(3, 1), patterns[:1].repeat(3, 1)
    if same in ("domains", "all"):
        patterns = garments.clone()
    patterns.requires_grad_()
    in_domain, cross_domain = stable_transformation_losses(garments, patterns)
    (in_domain + cross_domain).backward()
    assert in_domain.item() >= -1e-6
    assert cross_domain.item() == pytest.approx(0, abs=1e-6)
    assert patterns.grad.isfinite().all()


def test_std_of_one_names_what_to_change() -> None:
    with pytest.raises(TpgbenchError, match="STD loss.*batch of 1.*batch_size.*std_cross"):
        stable_transformation_losses(noise(1, 8), noise(1, 8))


def cls(images: torch.Tensor, patterns: torch.Tensor, **options: object) -> torch.Tensor:
    settings = {"kernels": 4, "kernel_size": 12} | options
    return convolutional_local_similarity_loss(images, patterns, generator=seeded(), **settings)


@pytest.mark.parametrize("hard", [False, True])
@pytest.mark.parametrize("stride", [1, 2])
def test_cls_orders_repeats_by_how_well_they_agree(hard: bool, stride: int) -> None:
    pattern = stripes(8)
    same = cls(pattern, pattern, hard=hard, stride=stride).item()
    faded = cls(pattern * 0.7 + 0.2, pattern, hard=hard, stride=stride).item()
    grainy = pattern + 0.9 * stride * noise(*pattern.shape)  # averaging takes the stride out
    nearly = cls(grainy, pattern, hard=hard, stride=stride).item()
    other = cls(stripes(11), pattern, hard=hard, stride=stride).item()
    assert same == pytest.approx(0, abs=1e-5)
    assert faded == pytest.approx(0, abs=2e-3)  # contrast and brightness are not repeats
    assert same < nearly < other


def test_cls_similarity_is_the_correlation_of_piece_and_window() -> None:
    from tpgbench.reference_models.slddm.losses import _similarity

    image, piece = noise(1, 3, 20, 20), noise(1, 2, 3, 6, 6, seed=1)
    piece = piece - piece.mean(dim=(3, 4), keepdim=True)
    piece = piece / piece.square().sum(dim=(2, 3, 4), keepdim=True).sqrt()
    window = image[0, :, 5:11, 9:15]
    window = window - window.mean(dim=(1, 2), keepdim=True)
    expected = [(window / window.norm() * one).sum().item() for one in piece[0]]
    found = _similarity(image, piece)
    assert found.shape == (1, 2, 15, 15)
    assert found[0, :, 5, 9].tolist() == pytest.approx(expected, abs=1e-4)


def test_cls_learns_where_the_released_score_cannot() -> None:
    pattern = stripes(8)
    soft, hard = ((pattern + 0.5 * noise(*pattern.shape)).requires_grad_() for _ in range(2))
    cls(soft, pattern).backward()
    assert has_gradient(soft)
    assert not cls(hard, pattern, hard=True).requires_grad


def test_cls_of_flat_images_is_finite() -> None:
    image = torch.zeros(2, 3, 32, 32, requires_grad=True)
    loss = cls(image, torch.zeros(2, 3, 32, 32))
    loss.backward()
    assert loss.item() == pytest.approx(0, abs=1e-5)
    assert image.grad.isfinite().all()


def test_cls_refuses_pieces_that_do_not_fit() -> None:
    with pytest.raises(TpgbenchError, match="cls_kernel_size"):
        cls(stripes(8), stripes(8), kernel_size=64)
    with pytest.raises(TpgbenchError, match="cls_kernel_size"):
        cls(stripes(8), stripes(8), kernel_size=2, stride=2)


def test_perceptual_ignores_the_length_of_features_and_sees_their_direction() -> None:
    def identity(images: torch.Tensor) -> list[torch.Tensor]:
        return [images]

    red = torch.tensor([1.0, 0.0, 0.0])[None, :, None, None].expand(1, 3, 4, 4)
    blue = red.flip(1)
    assert perceptual_loss(identity, red, 3 * red).item() == pytest.approx(0, abs=1e-6)
    assert perceptual_loss(identity, red, blue).item() == pytest.approx(2)
    assert perceptual_loss(identity, red, -red).item() == pytest.approx(4)


def test_perceptual_of_a_garment_encoder_has_a_gradient_for_the_image_only() -> None:
    torch.manual_seed(0)
    encoder = GarmentEncoder(embedding_dim=8, widths=(8, 16)).requires_grad_(False)
    images, targets = noise(2, 3, 32, 32).requires_grad_(), noise(2, 3, 32, 32, seed=1)
    targets.requires_grad_()
    perceptual_loss(encoder.features, images, targets).backward()
    assert has_gradient(images)
    assert targets.grad is None
    assert perceptual_loss(encoder.features, images, images).item() == pytest.approx(0, abs=1e-6)


def test_info_nce_prefers_partners() -> None:
    embeddings = torch.eye(4)
    matched = info_nce(embeddings, embeddings, temperature=1.0)
    assert matched.item() == pytest.approx(math.log(math.e + 3) - 1)
    assert info_nce(embeddings, embeddings.roll(1, 0)) > info_nce(embeddings, embeddings)
    assert info_nce(torch.ones(4, 3), torch.ones(4, 3)).item() == pytest.approx(math.log(4))
    with pytest.raises(TpgbenchError, match="batch_size"):
        info_nce(torch.ones(1, 3), torch.ones(1, 3))


def test_masked_mse_counts_masked_pixels_alone() -> None:
    images, targets = torch.zeros(2, 3, 4, 4), torch.ones(2, 3, 4, 4)
    targets[0, :, :2] = 3
    mask = torch.zeros(2, 1, 4, 4)
    mask[0, :, :2] = 1
    mask[1, :, 0, 0] = 1
    assert masked_mse(images, targets, mask).item() == pytest.approx((9 + 1) / 2)
    assert masked_mse(images, targets, torch.zeros(2, 1, 4, 4)).item() == 0


def test_gradient_loss_sees_edges_and_not_brightness() -> None:
    image = torch.zeros(1, 3, 4, 4)
    edge = image.clone()
    edge[..., 2:] = 1
    assert gradient_loss(image + 0.5, image).item() == 0
    assert gradient_loss(edge, image).item() == pytest.approx(1 / 3)  # one of three steps a row
    assert l1_loss(edge, image).item() == pytest.approx(1 / 2)


@pytest.mark.parametrize("shape", [(24, 31), (64, 64)])
def test_ssim_loss_is_the_metric(shape: tuple[int, int]) -> None:
    rng = np.random.default_rng(0)
    smooth = rng.integers(0, 256, (*shape, 3)).astype(np.uint8)
    for strength in (0, 5, 40, 200):
        other = np.clip(smooth + rng.normal(0, strength, smooth.shape), 0, 255).astype(np.uint8)
        first, second = (
            torch.from_numpy(one).permute(2, 0, 1)[None].float() / 127.5 - 1
            for one in (smooth, other)
        )
        assert 1 - ssim_loss(first, second).item() == pytest.approx(ssim(smooth, other), abs=1e-4)


def test_ssim_loss_under_autocast_keeps_its_precision() -> None:
    image = noise(1, 3, 32, 32).clamp(-1, 1)
    with torch.autocast("cpu", torch.bfloat16):
        assert ssim_loss(image, image).item() == pytest.approx(0, abs=1e-6)


def test_ssim_loss_refuses_images_below_its_window() -> None:
    with pytest.raises(TpgbenchError, match="11 px"):
        ssim_loss(noise(1, 3, 8, 32), noise(1, 3, 8, 32))


def test_each_image_loss_moves_an_image_towards_its_target() -> None:
    target = stripes(8, size=24)
    for name in ("l1", "gradient", "ssim"):
        image = (target + 0.3 * noise(*target.shape)).requires_grad_()
        before = autoencoder_losses(image, target)[name]
        before.backward()
        assert has_gradient(image)
        moved = image.detach() - 0.02 * image.grad / image.grad.abs().max()
        assert autoencoder_losses(moved, target)[name] < before
        assert autoencoder_losses(target, target)[name].item() == pytest.approx(0, abs=1e-6)
