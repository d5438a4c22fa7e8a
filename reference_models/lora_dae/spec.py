"""A training of LoRA-DAE: preset, data, stages and folders."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from .adapter import FOLDERS
from .settings import BASE_STAGES, STAGES, Preset, Stage


@dataclass(frozen=True)
class TrainingSpec:
    """A training of LoRA-DAE.

    Attributes:
        preset: Networks, ranks and how each stage trains.
        folder: Where everything goes: ``base`` (if it is trained), ``lora`` (``lora-attention``
            if only attention has ranks), and a folder per stage.
        dataset: A registered name or a folder, of the task ``mannequin``.
        stages: To train; those before must have been trained in the same folder.
        base: Hub id or folder of the base; None for the preset's.
        autoencoder: Folder of a trained `PatchAutoencoder` to use, or None.
        start: Folder of a base of the preset's kind to train further, or None.
        split: Of the dataset, to train on.
        held_out: The validation split; None for no validation.
        workers: Processes that render rows.
        command: As typed, for the model card.
    """

    preset: Preset
    folder: Path
    dataset: str
    stages: tuple[Stage, ...]
    base: str | None = None
    autoencoder: Path | None = None
    start: Path | None = None
    split: str = "train"
    held_out: str | None = "validation"
    workers: int = 1
    command: str = ""

    @property
    def trains_base(self) -> bool:
        """Whether the base is trained here."""
        return self.base is None and self.preset.networks is not None

    @property
    def base_location(self) -> str:
        """The location of the base, which may not exist yet."""
        if self.trains_base:
            return str(self.folder / "base")
        return self.base or str(self.preset.base)

    @property
    def lora_folder(self) -> Path:
        """The folder of the LoRA, its statistics and its predictor."""
        return self.folder / FOLDERS[self.lora_kind]

    @property
    def lora_kind(self) -> str:
        """The kind of LoRA that is trained: ``"full"`` or ``"attention"``."""
        return "full" if self.preset.rank_convolution else "attention"


def stages_of(
    preset: Preset,
    *,
    base: str | None = None,
    autoencoder: Path | None = None,
    start: Path | None = None,
) -> tuple[Stage, ...]:
    """Return all stages of a training; a given base or autoencoder is not trained."""
    done: tuple[Stage, ...] = ("autoencoder",) if autoencoder or start else ()
    if base is not None or preset.networks is None:
        done = BASE_STAGES
    return tuple(stage for stage in STAGES if stage not in done)
