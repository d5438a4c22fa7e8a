"""Stage 1 of SLDDM-TPG: the latent disentangled network (LDN)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from ...core.errors import TpgbenchError
from ..training.objective import Objective, ParameterGroup
from .latents import cover_background, encode
from .ldn import LDN
from .ldn_augmentation import augment_alike, cut_from_pattern
from .losses import scm_loss, texture_triplet_loss
from .pipeline_folder import Background
from .settings import LdnSettings


class LdnObjective(Objective):
    """SCM alone first, then SCM with the texture triplet.

    Args:
        vae: Frozen; its latents are the LDN's input.
        ldn: Trained.
        settings: The losses.
        background: Around the garments.
    """

    def __init__(self, vae: Any, ldn: LDN, settings: LdnSettings, background: Background) -> None:
        super().__init__()
        self.vae = vae.requires_grad_(False)
        self.ldn = ldn
        self._settings = settings
        self._background = background

    def train(self, mode: bool = True) -> LdnObjective:
        """Set the mode of the LDN only: the frozen autoencoder keeps its statistics."""
        super().train(mode)
        self.vae.eval()
        return self

    def parameter_groups(self) -> list[ParameterGroup]:
        """Return SimSiam's predictor, whose learning rate is constant, and the rest."""
        predictor = tuple(self.ldn.scm.predictor.parameters())
        chosen = {id(one) for one in predictor}
        rest = tuple(one for one in self.ldn.parameters() if id(one) not in chosen)
        return [ParameterGroup(rest), ParameterGroup(predictor, constant_lr=True)]

    def identity(self) -> dict[str, Any]:
        """Return the settings."""
        return {"settings": self._settings.model_dump(), "background": self._background}

    def forward(self, batch: Mapping[str, Tensor], generator: torch.Generator) -> dict[str, Tensor]:
        """Return the weighted losses of the labelled rows of a batch of `TpgBatches`."""
        settings = self._settings
        labelled = batch["labelled"]
        if labelled.sum() < 2:
            raise TpgbenchError(
                f"--stage ldn: {int(labelled.sum())} labelled rows in a batch of {len(labelled)}, "
                "and batch statistics need 2: raise --batch-size, or remove rows without a pattern"
            )
        pattern, mask = batch["pattern"][labelled], batch["mask"][labelled]
        garment = cover_background(batch["garment"][labelled], mask, self._background)
        # The masks of other garments: the cloth cut from a pattern may have any outline.
        cut = cut_from_pattern(pattern, mask.roll(1, dims=0), generator)
        views = augment_alike([pattern, garment, cut], generator)
        with torch.no_grad():
            latents = encode(self.vae, torch.cat(views)).float()
        # One pass per view: their BatchNorm statistics differ, as at test time.
        of_pattern, of_garment, of_cut = (self.ldn(part) for part in latents.chunk(3))
        pair = scm_loss(of_pattern, of_garment)
        cut_pair = scm_loss(of_pattern, of_cut)
        losses = {"scm": pair + settings.augmented_weight * cut_pair}
        joint = (batch["progress"] >= settings.scm_only).to(pair.dtype)
        triplet = texture_triplet_loss(
            of_pattern, of_garment, margin=settings.margin, variant=settings.triplet
        )
        cut_triplet = texture_triplet_loss(
            of_pattern, of_cut, margin=settings.margin, variant=settings.triplet
        )
        both = triplet + settings.augmented_weight * cut_triplet
        losses["triplet"] = joint * settings.triplet_weight * both
        return losses
