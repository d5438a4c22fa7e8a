"""The conditions of the U-Net: extra channels, context tokens, and the pattern's track."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import get_args

import torch
from torch import Tensor
from torch.nn import functional

from ...datasets_builders.base import Track
from .conditioner import Conditioner
from .unet import SLDDMUNet

TRACKS: tuple[Track, ...] = get_args(Track)
ALIGNED = TRACKS.index("aligned")


def label_tracks(tracks: Sequence[Track]) -> Tensor:
    """Return the class label of each track, (B,): `ALIGNED`, or 1 for ``"unaligned"``."""
    return torch.tensor([TRACKS.index(track) for track in tracks])


@dataclass(frozen=True)
class Context:
    """The contexts that the U-Net attends to, one token each, and the wanted track.

    Attributes:
        image: The image context, (B, 1, D).
        ldn: The LDN contexts, content (f_S) and structured (f_A), (B, 1, D) each.
        track_labels: From `label_tracks`; a network without class embeddings ignores them.
    """

    image: Tensor
    ldn: tuple[Tensor, ...]
    track_labels: Tensor

    def __getitem__(self, rows: Tensor) -> Context:
        """Return the context of some rows."""
        ldn = tuple(token[rows] for token in self.ldn)
        return Context(self.image[rows], ldn, self.track_labels[rows])

    def where(self, keep: Tensor, other: Context) -> Context:
        """Return the tokens of this context where ``keep`` (B,) is true, of the other elsewhere."""
        keep = keep[:, None, None]
        return Context(
            torch.where(keep, self.image, other.image),
            tuple(torch.where(keep, a, b) for a, b in zip(self.ldn, other.ldn, strict=True)),
            self.track_labels,
        )


def positive_context(
    conditioner: Conditioner,
    embedding: Tensor,
    features: Mapping[str, Tensor],
    track_labels: Tensor,
) -> Context:
    """Return the context of garments.

    Args:
        conditioner: Maps embeddings and LDN features to tokens.
        embedding: From `embed`.
        features: The LDN's features of the garments' latents.
        track_labels: From `label_tracks`.
    """
    return Context(
        conditioner.image_context(embedding),
        (
            conditioner.ldn_context(features["content"]),
            conditioner.ldn_context(features["structured"]),
        ),
        track_labels,
    )


def negative_context(
    conditioner: Conditioner,
    features: Mapping[str, Tensor],
    track_labels: Tensor,
    negative: str = "defect",
) -> Context:
    """Return the context that guidance steers away from.

    Args:
        conditioner: As above.
        features: As above.
        track_labels: As above.
        negative: The feature that is used at every level: ``"defect"`` (f_T), as in the paper, or
            ``"structured"`` (f_A), as the release does when it samples.
    """
    token = conditioner.ldn_context(features[negative])
    return Context(conditioner.unconditional(len(token)), (token, token), track_labels)


def known_channels(source: Tensor, mask: Tensor, extra: Tensor | None = None) -> Tensor:
    """Return the U-Net's input channels beside the noisy latent.

    Args:
        source: The garment latent, (B, C, h, w).
        mask: (B, 1, H, W); it is resized to the latents by nearest neighbour.
        extra: More latents to append, or None.

    Returns:
        (B, C + 1, h, w), or (B, 2 C + 1, h, w).
    """
    small = functional.interpolate(mask.to(source.dtype), source.shape[-2:])
    return torch.cat([source, small] if extra is None else [source, small, extra], dim=1)


def noisy_channels(noisy: Tensor, kept: Tensor | None) -> Tensor:
    """Return noisy latents as the U-Net's input.

    Args:
        noisy: (B, C, h, w), of variance about 1.
        kept: The share of the clean latent's variance in each, alpha-bar, that broadcasts to
            ``noisy``; None for networks that take the latents unscaled. Where almost nothing is
            kept the noise carries no information; scaled down, a small network need not learn
            to ignore it.
    """
    return noisy if kept is None else noisy * kept.sqrt()


def predict(
    unet: SLDDMUNet, noisy: Tensor, known: Tensor, timesteps: Tensor, context: Context
) -> Tensor:
    """Return the U-Net's output for noisy latents, (B, C, h, w).

    Args:
        unet: The network.
        noisy: (B, C, h, w).
        known: From `known_channels`.
        timesteps: One, or one per sample.
        context: From `positive_context` or `negative_context`.
    """
    sample = torch.cat([noisy, known], dim=1).to(unet.dtype)
    predicted: Tensor = unet(
        sample,
        timesteps,
        encoder_hidden_states=context.image,
        class_labels=context.track_labels if unet.config.num_class_embeds else None,
        cross_attention_kwargs={"ldn_contexts": list(context.ldn)},
    ).sample
    return predicted
