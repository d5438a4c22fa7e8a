"""Networks to start from: checked before any is copied, each copied whole."""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from safetensors import SafetensorError, safe_open

from ...core.errors import TpgbenchError
from ...core.files import explain_os_errors
from ...core.folders import new_folder
from ..shared.shipping import CHECKSUMS, checked_files, read_checksums
from .pipeline_folder import PARTS, recover_parts
from .settings import Preset


def find_parts(
    starts: Sequence[Path], parts: Sequence[str], preset: Preset, folder: Path
) -> dict[str, Path]:
    """Return the pipeline that each part is copied from: the first that has it.

    Args:
        starts: Pipeline folders.
        parts: Those to copy.
        preset: That they must belong to.
        folder: Where to; parts that exist there are kept.

    Raises:
        TpgbenchError: A folder is no pipeline or has none of the parts, there are none to copy,
            or a part is damaged or of another preset.
    """
    found: dict[str, Path] = {}
    for start in starts:
        recover_parts(start)
        if not any((start / part).is_dir() for part in PARTS):
            raise TpgbenchError(
                f"--start {start}: is no pipeline folder: give one, such as OUT/pipeline of "
                "'tpgbench train slddm --out OUT'"
            )
        if not parts:
            raise TpgbenchError(
                f"--start {start}: all stages of the preset '{preset.name}' are trained from "
                "scratch, so it has no effect: give --stage, or --warm to train its networks "
                "further"
            )
        held = [part for part in parts if (start / part).is_dir()]
        if not held:
            raise TpgbenchError(
                f"--start {start}: holds none of {', '.join(parts)}: give another pipeline folder"
            )
        for part in held:
            if part not in found and not (folder / part).exists():
                _check_kind(start / part, preset)
                _check_weights(start, part)
                found[part] = start
    return found


def copy_part(start: Path, folder: Path, part: str) -> None:
    """Copy a part from one pipeline to another, whole or not at all.

    Raises:
        TpgbenchError: It cannot be read or written.
    """
    with new_folder(folder / part) as staging:
        shutil.copytree(start / part, staging.folder, dirs_exist_ok=True)


def _check_kind(place: Path, preset: Preset) -> None:
    """Raise unless a part's configuration is what the preset would make."""
    try:
        config: dict[str, Any] = json.loads((place / "config.json").read_bytes())
        (kind,) = config.get("architectures") or [config["_class_name"]]
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise TpgbenchError(
            f"--start {place}: its config.json cannot be read ({type(error).__name__}): download "
            "the pipeline again, or give another one"
        ) from error
    wanted_kind, given = _wanted(preset)[place.name]
    wanted = {"class": wanted_kind, **json.loads(json.dumps(given or {}))}
    for name, value in wanted.items():
        # An older pipeline lacks settings that were added since.
        has = kind if name == "class" else config.get(name, value)
        added_later = name == "num_class_embeds" and has is None
        if has != value and not added_later:
            raise TpgbenchError(
                f"--start {place}: is of another preset than '{preset.name}': its {name} is {has}, "
                f"not {value}: give the --preset that it was trained with, or another pipeline"
            )


def _wanted(preset: Preset) -> Mapping[str, tuple[str, Mapping[str, Any] | None]]:
    """Return the class of each part, and the arguments that the preset sets."""
    own = preset.networks
    return {
        "vae": (
            "AutoencoderKL" if own.autoencoder is None else "PatchAutoencoder",
            own.autoencoder,
        ),
        "image_encoder": (
            "CLIPVisionModel" if own.encoder is None else "GarmentEncoder",
            own.encoder,
        ),
        "ldn": ("LDN", own.ldn),
        "conditioner": ("Conditioner", own.conditioner),
        "unet": ("SLDDMUNet", own.unet),
    }


def _check_weights(start: Path, part: str) -> None:
    """Raise unless a part's weights can be read and match ``checksums.json``."""
    files = sorted((start / part).glob("*.safetensors"))
    if not files:
        raise TpgbenchError(
            f"--start {start / part}: has no weights (*.safetensors): download it again"
        )
    for file in files:
        try:
            with safe_open(file, framework="numpy"):
                pass
        except (OSError, SafetensorError) as error:
            raise TpgbenchError(
                f"--start {file}: is damaged ({error}): download the pipeline again, or give "
                "another one"
            ) from error
    with explain_os_errors(start):
        found = checked_files(start, part)
    listed = (name for name in read_checksums(start) if name.startswith(f"{part}/"))
    missing = next((name for name in listed if name not in found), None)
    if missing is not None:
        raise TpgbenchError(
            f"--start {start}: has no '{missing}', which {CHECKSUMS} lists: download the pipeline "
            "again"
        )
