"""A LoRA-DAE folder: its ``adapter.json`` and its files, without loading a network.

Nothing here imports torch: a run's identity is made from what this module finds.
"""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, ValidationError

from ...core.documents import first_problem
from ...core.errors import TpgbenchError
from ...core.files import write_atomic
from ...core.folders import recover
from ...core.hub import get_pipeline_folder
from ..shared.shipping import check_folder

ADAPTER = "adapter.json"
LORA_FILE = "pytorch_lora_weights.safetensors"
STATISTICS = "band_statistics.safetensors"
PREDICTOR_FOLDER = "gain_predictor"
FOLDERS = {"full": "lora", "attention": "lora-attention"}

Enhancement = Literal["none", "statistics", "learned"]


class AdapterCard(BaseModel):
    """``adapter.json``: the base of a LoRA-DAE, and how it was trained.

    Attributes:
        format: Version of the folder's format.
        base: Hub id or folder of the base model; a relative path is relative to this file.
        size: Side of the photos in pixels.
        rank_attention: Of the LoRA on cross-attention.
        rank_convolution: Of the LoRA on convolutions.
        trained_on: Dataset and split.
        guidance: Default scale of classifier-free guidance.
        base_weights: Some weights of the base, to recognise it: see `lora.sample_weights`.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    format: Literal[1] = 1
    base: str
    size: int
    rank_attention: int
    rank_convolution: int
    trained_on: str
    guidance: float = 7.5
    base_weights: tuple[float, ...]

    def save(self, folder: Path) -> None:
        """Write it into a folder."""
        write_atomic(folder / ADAPTER, (self.model_dump_json(indent=2) + "\n").encode())

    def base_location(self, folder: Path) -> str:
        """Return the location of the base, given the folder of this card.

        Raises:
            TpgbenchError: Its relative folder does not exist.
        """
        near = folder / self.base
        if not near.is_dir() and self.base.startswith("."):
            raise TpgbenchError(
                f"{folder}: its base, {self.base}, is missing: keep the two together, or give "
                "the base with -o base="
            )
        return str(near.resolve()) if near.is_dir() else self.base


def read_adapter(folder: Path) -> AdapterCard:
    """Read ``adapter.json``.

    Raises:
        TpgbenchError: It is missing or wrong.
    """
    path = folder / ADAPTER
    try:
        return AdapterCard.model_validate_json(path.read_bytes())
    except OSError as error:
        reason = error.strerror or str(error)
    except ValidationError as error:
        reason = first_problem(error).in_file
    raise TpgbenchError(
        f"{path}: cannot be read ({reason}): give a folder that 'tpgbench train lora-dae' made"
    )


def find_adapter(location: str | Path, lora: str = "full") -> Path:
    """Return the folder of a LoRA.

    Args:
        location: A training, a checkpoint or a single LoRA's folder, or a hub id.
        lora: ``"full"``, ``"attention"``, or ``"none"`` for any.

    Raises:
        TpgbenchError: It is unavailable, damaged, or holds no such LoRA.
    """
    folder = get_pipeline_folder(str(location))
    check_folder(folder)
    if (folder / LORA_FILE).is_file():
        kind = "full" if read_adapter(folder).rank_convolution else "attention"
        if lora not in (kind, "none"):
            raise TpgbenchError(f"{folder}: its LoRA is of the kind '{kind}': give -o lora={kind}")
        return folder
    names = [FOLDERS[lora]] if lora in FOLDERS else list(FOLDERS.values())
    for name in names:
        if (folder / name).is_dir():
            return folder / name
    raise TpgbenchError(
        f"{folder}: has no {' and no '.join(names)}: give the --out of 'tpgbench train lora-dae"
        + (" --rank-conv 0'" if lora == "attention" else "'")
    )


def adapter_files(folder: Path, lora: str, enhancement: Enhancement) -> list[Path]:
    """Return the files of a LoRA-DAE folder that its photos depend on.

    Args:
        folder: From `find_adapter`.
        lora: ``"none"`` for the base without a LoRA.
        enhancement: Which of its parts is used.

    Raises:
        TpgbenchError: One is missing.
    """
    files = [folder / ADAPTER]
    if lora != "none":
        if not (folder / LORA_FILE).is_file():
            raise TpgbenchError(
                f"{folder}: has no {LORA_FILE}: train it with 'tpgbench train lora-dae'"
            )
        files.append(folder / LORA_FILE)
    if enhancement != "none":
        check_statistics(folder, enhancement)
        files.append(folder / STATISTICS)
    if enhancement == "learned":
        recover(folder / PREDICTOR_FOLDER)
        predictor = sorted((folder / PREDICTOR_FOLDER).glob("*"))
        if not predictor:
            raise no_predictor(folder)
        files += predictor
    return files


def check_statistics(folder: Path, enhancement: Enhancement) -> None:
    """Raise unless a folder has the band statistics that an enhancement needs.

    Raises:
        TpgbenchError: It has none.
    """
    if not (folder / STATISTICS).is_file():
        raise TpgbenchError(
            f"{folder}: has no {STATISTICS}, which the enhancement '{enhancement}' needs: give "
            "-o enhancement=none, or gather them: tpgbench train lora-dae --stage statistics"
        )


def no_predictor(folder: Path) -> TpgbenchError:
    """Return the error for a folder without a readable trained enhancement."""
    return TpgbenchError(
        f"{folder / PREDICTOR_FOLDER}: no trained enhancement can be read there: train it with "
        "'tpgbench train lora-dae --stage gains'"
    )
