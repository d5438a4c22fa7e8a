"""Masks for a folder of photos, as files to look at and to correct."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from ...core.errors import TpgbenchError
from ...core.files import write_atomic
from ...core.folders import new_folder
from ...core.images import png_bytes
from ...core.outcome import Outcome
from ...core.progress import progress
from ..reading.contact_sheet import ContactSheet, write_contact_sheet
from ..reading.folder import PhotoFolder
from .find import AUTO, GIVEN


@dataclass(frozen=True)
class MasksOutcome(Outcome):
    """What `tpgbench.make_masks` did.

    Attributes:
        path: The folder of masks.
        sheet: The contact sheet: photos, and what their masks leave of them.
        made: How many masks were written.
        doubtful: Why a mask may be wrong, by the photo's name.
        problems: The photos without a mask, one line each.
    """

    path: Path
    sheet: ContactSheet
    made: int
    doubtful: dict[str, str]
    problems: tuple[str, ...] = ()


def make_masks(
    photos: Path, out: Path | None = None, *, masks: str = AUTO, show_progress: bool = False
) -> MasksOutcome:
    """Write a mask for each photo that has none, and a contact sheet of all.

    Args:
        photos: A folder of photos, as `PhotoFolder` reads it.
        out: The folder to make; None for ``mask/`` among the photos.
        masks: ``"auto"``, or a segmentation model.
        show_progress: Show progress on stderr.

    Raises:
        TpgbenchError: No photo, no photo without a mask, or the folder is there already.
    """
    if masks == GIVEN:
        raise TpgbenchError("--masks given: makes none; give auto, or a segmentation model")
    dataset = PhotoFolder(photos, masks=masks)
    target = photos / "mask" if out is None else out
    todo = dataset.without_mask()
    if not todo:
        raise TpgbenchError(f"{photos}: every photo has its mask already")
    doubtful: dict[str, str] = {}
    problems: list[str] = []
    made = 0
    with (
        new_folder(target) as staging,
        progress("masks", len(todo), show=show_progress) as advance,
    ):
        for sample_id in todo:
            try:
                found = dataset.find_mask(sample_id)
            except TpgbenchError as error:
                problems.append(str(error))
            else:
                made += 1
                if found.doubt is not None:
                    doubtful[sample_id] = found.doubt
                path = staging.folder / f"{sample_id}.png"
                write_atomic(path, png_bytes(found.mask), durable=False)
            advance(1)
        if not made:
            raise TpgbenchError(f"{photos}: no mask could be made; the first: {problems[0]}")
    # Not among the photos, where it would be one of them.
    here, inside = Path.cwd(), photos.resolve()
    folder = inside.parent if here.is_relative_to(inside) else here
    sheet = write_contact_sheet(dataset, folder / f"{inside.name}-masks.png", limit=len(todo))
    return MasksOutcome(target, sheet, made, doubtful, tuple(problems))
