"""Band statistics: how much detail a teacher-forced estimate has at each timestep."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor

from ...core.errors import TpgbenchError
from ...core.files import write_atomic
from .adapter import STATISTICS

_FORMAT = "1"


@dataclass(frozen=True)
class BandStatistics:
    """The reference deviations of an `AdaptiveEnhancementScheduler`.

    Attributes:
        picture: Of whole latents, (bins, levels, C): geometric means over the training set of
            `band_deviations` of the clean latent that is estimated from a noised true one. Bins
            divide the timesteps evenly, 0 first.
        garment: The same inside the garment masks, or None if there were no masks.
        schedule: `schedule_hash` of the noise schedule.
        latent_size: Height and width of the latents.
        samples: Number of estimates.
        lora: SHA-256 of the LoRA's file, or empty.
    """

    picture: Tensor
    garment: Tensor | None
    schedule: str
    latent_size: tuple[int, int]
    samples: int
    lora: str = ""

    def at(self, timestep: int, timesteps: int, *, masked: bool) -> Tensor:
        """Return the deviations at a timestep, (levels, C), interpolated linearly between bins.

        Args:
            timestep: From 0.
            timesteps: Of the schedule.
            masked: Whether those inside garments.

        Raises:
            TpgbenchError: There are none inside garments.
        """
        table = self.garment if masked else self.picture
        if table is None:
            raise TpgbenchError(
                f"{STATISTICS}: was gathered without masks and holds no statistics of garments: "
                "give no mask, or gather it from a dataset that has some"
            )
        place = min(max((timestep + 0.5) * len(table) / timesteps - 0.5, 0.0), len(table) - 1.0)
        low = int(place)
        high = min(low + 1, len(table) - 1)
        return table[low].lerp(table[high], place - low)

    def save(self, folder: str | Path) -> None:
        """Write ``band_statistics.safetensors``."""
        tensors = {"picture": self.picture.contiguous()}
        if self.garment is not None:
            tensors["garment"] = self.garment.contiguous()
        facts = {
            "format": _FORMAT,
            "schedule": self.schedule,
            "latent_size": "x".join(map(str, self.latent_size)),
            "samples": str(self.samples),
            "lora": self.lora,
        }
        write_atomic(Path(folder) / STATISTICS, save(tensors, facts))

    @classmethod
    def load(cls, folder: str | Path) -> BandStatistics:
        """Read ``band_statistics.safetensors``.

        Raises:
            TpgbenchError: It is missing, damaged, or of a newer format.
        """
        path = Path(folder) / STATISTICS
        try:
            with safe_open(path, framework="pt") as stored:
                facts = stored.metadata() or {}
                tensors = {name: stored.get_tensor(name) for name in stored.keys()}  # noqa: SIM118
            if facts["format"] != _FORMAT:
                raise TpgbenchError(f"{path}: of format {facts['format']}: update tpgbench")
            height, width = map(int, facts["latent_size"].split("x"))
            return cls(
                picture=tensors["picture"],
                garment=tensors.get("garment"),
                schedule=facts["schedule"],
                latent_size=(height, width),
                samples=int(facts["samples"]),
                lora=facts.get("lora", ""),
            )
        except (OSError, KeyError, ValueError, SafetensorError) as error:
            raise TpgbenchError(
                f"{path}: cannot be read as band statistics ({type(error).__name__}): gather them "
                "with 'tpgbench train lora-dae --stage statistics'"
            ) from error

    def check_schedule(self, alphas: Tensor) -> None:
        """Raise unless they were gathered under this noise schedule.

        Raises:
            TpgbenchError: They were gathered under another one.
        """
        if schedule_hash(alphas) != self.schedule:
            raise TpgbenchError(
                f"{STATISTICS}: was gathered under another noise schedule than the base model's: "
                "gather it for this base with 'tpgbench train lora-dae --stage statistics', or "
                "give the base that it belongs to"
            )

    def check_latents(self, latents: Tensor) -> None:
        """Raise unless latents have the size and channels that they were gathered at.

        Args:
            latents: (B, C, h, w).

        Raises:
            TpgbenchError: They are of another resolution or autoencoder.
        """
        ours = (self.picture.shape[-1], *self.latent_size)
        if tuple(latents.shape[1:]) != ours:
            found = "x".join(map(str, latents.shape[1:]))
            raise TpgbenchError(
                f"{STATISTICS}: is for latents of {'x'.join(map(str, ours))}, not {found}: sample "
                "at the resolution of the training, or gather it again at this one"
            )


def schedule_hash(alphas: Tensor) -> str:
    """Return a hash of a noise schedule: of its cumulative alphas, rounded."""
    rounded = (alphas.double() * 1e6).round().long().cpu().numpy()
    return hashlib.sha256(rounded.astype("<i8").tobytes()).hexdigest()[:16]
