"""The folder of an SLDDM pipeline, checked and listed without loading a network.

Nothing here imports torch: a run's identity is made from what this module finds.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from ...core.documents import first_problem
from ...core.errors import TpgbenchError
from ...core.folders import recover
from ..shared.shipping import checked_files, config_files, read_checksums

Background = Literal["keep", "mean"]

PARTS = ("vae", "image_encoder", "ldn", "conditioner", "unet")
INDEX = "model_index.json"
SCHEDULER = "scheduler"

_CLASSES: Mapping[str, tuple[str, ...]] = {
    "vae": ("PatchAutoencoder", "AutoencoderKL"),
    "image_encoder": ("GarmentEncoder", "CLIPVisionModel"),
    "ldn": ("LDN",),
    "conditioner": ("Conditioner",),
    "unet": ("SLDDMUNet",),
}
_Origin = Annotated[list[str], Field(min_length=2, max_length=2)]  # a part's module and class


class PipelineIndex(BaseModel):
    """``model_index.json``: the class of each part, and the settings of `SLDDMPipeline`."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    vae: _Origin
    image_encoder: _Origin
    ldn: _Origin
    conditioner: _Origin
    unet: _Origin
    scheduler: _Origin
    size: int = Field(ge=8, multiple_of=8)
    background: Background
    ldn_factor: float
    negative: Literal["defect", "structured"]
    fill: bool
    signal_scaled: bool
    steps: int = Field(ge=1, le=1000)

    def settings(self) -> dict[str, Any]:
        """Return the pipeline's settings, without its parts."""
        return self.model_dump(exclude={*PARTS, SCHEDULER})

    def class_of(self, part: str) -> str:
        """Return the name of a part's class."""
        name: str = getattr(self, part)[1]
        return name


@dataclass(frozen=True)
class PipelineFolder:
    """A complete pipeline folder, as `open_pipeline_folder` returns it.

    Attributes:
        path: Where ``model_index.json`` is.
        index: Its content.
        places: The folder that holds each part: ``path``, or the checkpoint that it shares with.
    """

    path: Path
    index: PipelineIndex
    places: Mapping[str, Path]

    def files(self) -> dict[str, Path]:
        """Return every file that the patterns depend on, by its name in the folder.

        Raises:
            TpgbenchError: The SHA-256 of one differs from ``checksums.json``.
        """
        files: dict[str, Path] = {}
        for part, place in self.places.items():
            files |= checked_files(place, part) | config_files(place, part)
        return files | config_files(self.path, ".") | config_files(self.path, SCHEDULER)

    def knows_tracks(self) -> bool:
        """Whether the U-Net takes the wanted track as input.

        Raises:
            TpgbenchError: Its configuration cannot be read.
        """
        try:
            config = json.loads((self.places["unet"] / "unet" / "config.json").read_bytes())
            return bool(config.get("num_class_embeds"))
        except (OSError, ValueError, AttributeError) as error:
            raise not_loadable(self.path, f"unet/config.json cannot be read ({error})") from error


def recover_parts(folder: Path) -> None:
    """Move back what a killed process was replacing: the pipeline folder, or a part in it.

    Raises:
        TpgbenchError: The disk refuses.
    """
    for place in (folder, *(folder / part for part in PARTS)):
        recover(place)


def open_pipeline_folder(folder: Path, *, shared: Path | None = None) -> PipelineFolder:
    """Check a pipeline folder: a checkpoint, the result of a training, or a converted release.

    Args:
        folder: With ``model_index.json``.
        shared: Where parts are that the folder lacks.

    Raises:
        TpgbenchError: A part is missing or of another class, or the index is damaged.
    """
    recover_parts(folder)
    if not (folder / INDEX).is_file():
        raise TpgbenchError(
            f"{folder}: has no {INDEX}: give the folder of a pipeline, such as OUT/pipeline of "
            "'tpgbench train slddm --out OUT'"
        )
    index = _read_index(folder)
    places = _places(folder, shared)
    for part, place in places.items():
        name, known = index.class_of(part), _CLASSES[part]
        if name not in known:
            raise not_loadable(folder, f"the part '{part}' is a {name}, not a {' or '.join(known)}")
        if not (place / part / "config.json").is_file():
            raise not_loadable(folder, f"there is no {part}/config.json")
        # Safetensors only: the other format may run code.
        if not any((place / part).glob("*.safetensors")):
            raise not_loadable(folder, f"the part '{part}' has no weights (*.safetensors)")
    if not (folder / SCHEDULER / "scheduler_config.json").is_file():
        raise not_loadable(folder, f"there is no {SCHEDULER}/scheduler_config.json")
    return PipelineFolder(folder, index, places)


def not_loadable(folder: Path, reason: str) -> TpgbenchError:
    """Return the error for a folder that does not hold a whole SLDDM pipeline."""
    return TpgbenchError(
        f"{folder}: cannot be loaded as an SLDDM pipeline: {reason}; it is damaged or of another "
        "model: download it again, or train one"
    )


def _read_index(folder: Path) -> PipelineIndex:
    path = folder / INDEX
    try:
        stored = json.loads(path.read_text())
        if not isinstance(stored, dict):
            raise ValueError("it holds no settings by name")
        # Names that begin with an underscore are diffusers' own.
        own = {name: value for name, value in stored.items() if not name.startswith("_")}
        return PipelineIndex.model_validate(own)
    except ValidationError as error:
        reason = first_problem(error).in_file
    except (OSError, ValueError) as error:
        reason = f"cannot be read ({error})"
    raise TpgbenchError(
        f"{path}: {reason}; it is damaged or of another model: download it again, or train one"
    )


def _places(folder: Path, shared: Path | None) -> dict[str, Path]:
    """Return the folder that each part is in."""
    places = {
        part: place
        for part in PARTS
        for place in (shared, folder)  # its own comes last and wins
        if place is not None and (place / part).is_dir()
    }
    missing = [part for part in PARTS if part not in places]
    if not missing:
        return places
    listed = read_checksums(folder)
    left_out = listed and not any(name.split("/")[0] in missing for name in listed)
    raise TpgbenchError(
        f"{folder}: has no {' and no '.join(repr(part) for part in missing)}: "
        + (
            "copy them there from the checkpoint that it shares them with, or convert its training "
            "without --shared"
            if left_out
            else "the pipeline is not complete; download it again"
        )
    )
