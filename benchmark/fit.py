"""The one operation that brings photos and ground truth to the size and frame of comparison."""

from __future__ import annotations

from typing import Literal

import numpy as np
import PIL.Image

from ..core.errors import TpgbenchError, UnknownNameError
from ..core.images import MASK_THRESHOLD, Box, Image, Mask, check_size, square_box
from ..datasets_builders.base import FITS, MannequinRow, Row, TpgRow, Track
from ..metrics.base import Pair
from .sample import AnySample, MannequinSample, Sample
from .tasks import Task

MIN_SIZE = 16
MAX_SIZE = 2048
RESIZE = "pil-bicubic-antialias"  # for recipes
OUTPUT_FRAME = "truth-or-square"  # what `fit_output` does, for recipes


def check_fit(fit: str, size: int, task: Task) -> None:
    """Raise unless ``fit`` and ``size`` are possible.

    Raises:
        TpgbenchError: A fit that is unknown or not for this task, or a size outside 16 to 2048.
    """
    if fit not in FITS:
        raise UnknownNameError("fit", fit, FITS)
    if fit not in task.fits:
        raise TpgbenchError(
            f"--fit {fit}: the task '{task.name}' compares whole photos: give "
            f"{' or '.join(task.fits)}"
        )
    if not MIN_SIZE <= size <= MAX_SIZE:
        raise TpgbenchError(f"--size {size}: give a size from {MIN_SIZE} to {MAX_SIZE} px")


def fit_inputs(row: Row, *, size: int, fit: str, track: Track = "aligned") -> AnySample:
    """Return what a model of the row's task sees of it.

    Raises:
        TpgbenchError: As `fit_sample` and `fit_mannequin`.
    """
    if isinstance(row, MannequinRow):
        return fit_mannequin(row, size=size, fit=fit)
    return fit_sample(row, size=size, fit=fit, track=track)


def fit_sample(row: Row, *, size: int, fit: str = "box", track: Track = "aligned") -> Sample:
    """Return what a model of the task ``tpg`` sees of a row.

    Args:
        row: The row as the dataset holds it.
        size: Side of the square frame, in pixels.
        fit: ``"box"``: exactly the square box of the mask. ``"pad"``: the whole photo, its
            shorter side padded. ``"stretch"``: the whole photo, its aspect ratio not kept.
        track: The dataset's.

    Raises:
        TpgbenchError: Empty mask, mask and photo of different size, a photo out of bounds, or a
            row of another task.
    """
    row = _tpg_row(row)
    height, width = row.garment.shape[:2]
    check_size((width, height), f"{row.sample_id}: garment photo")
    _check_mask(row.mask, row.garment, row.sample_id)
    box = square_box(row.mask)  # refuses an empty mask, whatever the fit
    if fit != "box":
        box = _frame(row.garment)
    garment, mask = row.garment, row.mask.astype(np.uint8) * np.uint8(255)
    if fit != "stretch":
        garment, mask = _window(garment, box, mode="edge"), _window(mask, box, mode="constant")
    visible = resize(mask, size) >= MASK_THRESHOLD
    if not visible.any():
        raise TpgbenchError(f"{row.sample_id}: the mask vanishes at {size} px: raise --size")
    return Sample(row.sample_id, size, resize(garment, size), visible, row.caption, track)


def fit_mannequin(row: MannequinRow, *, size: int, fit: str = "pad") -> MannequinSample:
    """Return what a model of the task ``mannequin`` sees of a row.

    Args:
        row: The row as the dataset holds it.
        size: Side of the square frame, in pixels.
        fit: ``"pad"``: the whole photo, its shorter side padded. ``"stretch"``: the whole photo,
            its aspect ratio not kept. Condition and mask are brought into the photo's frame.

    Raises:
        TpgbenchError: Mask and photo of different size, or a condition out of bounds.
    """
    condition, mask = None, None
    if row.condition is not None:
        condition = _whole(row.condition, size, fit, f"{row.sample_id}: condition")
        mask = _visible(row, size, fit)
    return MannequinSample(row.sample_id, size, row.caption, condition, mask)


def fit_truth(row: Row, *, size: int, fit: str = "box") -> Image | None:
    """Return the ground truth in the frame of comparison, or None for an unlabelled row.

    For ``tpg`` it is the pattern's central square, or all of it for ``stretch``, resized to
    ``size``; for ``mannequin`` it is the photo, framed as `fit_mannequin` says.

    Raises:
        TpgbenchError: A pattern or photo out of bounds.
    """
    truth, what = _truth(row)
    if truth is None:
        return None
    return _frame_truth(row, truth, size, fit, f"{row.sample_id}: {what}")


def fit_output(row: Row, output: Image, *, size: int, fit: str) -> Image:
    """Bring an external image into the frame of comparison.

    An image of the ground truth's shape gets the very frame that the truth gets, so that the truth
    as an output is perfect under every fit. A square one is resized. How any other shape relates
    to the truth is not known.

    Args:
        row: The row as the dataset holds it.
        output: The image, uint8 (height, width, 3).
        size: Side of the square frame, in pixels.
        fit: As for `fit_truth`.

    Raises:
        TpgbenchError: The image is neither square nor of the truth's shape.
    """
    height, width = output.shape[:2]
    if (height, width) == (size, size):
        return output
    truth, what = _truth(row)
    if truth is not None and truth.shape == output.shape:
        return _frame_truth(row, output, size, fit, f"{row.sample_id}: output")
    if height != width:
        known = "" if truth is None else f" (the {what} is {truth.shape[1]}x{truth.shape[0]})"
        raise TpgbenchError(
            f"{width}x{height} px is neither square nor as large as the ground truth{known}, so "
            f"its frame is not known: make it {size}x{size}"
        )
    return resize(output, size)


def _truth(row: Row) -> tuple[Image | None, str]:
    return (row.image, "photo") if isinstance(row, MannequinRow) else (row.pattern, "pattern")


def _frame_truth(row: Row, image: Image, size: int, fit: str, what: str) -> Image:
    """Frame an image of the truth's shape as the truth of its task is framed."""
    if isinstance(row, MannequinRow):
        return _whole(image, size, fit, what)
    height, width = image.shape[:2]
    check_size((width, height), what)
    if fit != "stretch":
        side = min(height, width)
        top, left = (height - side) // 2, (width - side) // 2
        image = image[top : top + side, left : left + side]
    return resize(image, size)


def fit_pair(row: Row, output: Image, *, size: int, fit: str) -> Pair:
    """Put a generated image beside the row's truth and garment, all in one frame."""
    if isinstance(row, MannequinRow):
        return Pair(
            sample_id=row.sample_id,
            output=output,
            truth=fit_truth(row, size=size, fit=fit),
            mask=_visible(row, size, fit),
            meta=row.meta,
            caption=row.caption,
            determined=row.condition is not None,
        )
    sample = fit_sample(row, size=size, fit=fit)
    return Pair(
        sample_id=row.sample_id,
        output=output,
        truth=fit_truth(row, size=size, fit=fit),
        garment=sample.garment,
        mask=sample.mask,
        meta=row.meta,
        caption=row.caption,
    )


def resize(image: Image, size: int) -> Image:
    """Resize to a square by Pillow's bicubic filter, which averages when it shrinks."""
    if image.shape[:2] == (size, size):
        return image
    resized = PIL.Image.fromarray(image).resize((size, size), PIL.Image.Resampling.BICUBIC)
    return np.asarray(resized, dtype=np.uint8)


def _tpg_row(row: Row) -> TpgRow:
    if isinstance(row, TpgRow):
        return row
    raise TpgbenchError(
        f"{row.sample_id}: is a row of the task 'mannequin', which has no garment photo to fit: "
        "give a dataset of the task 'tpg'"
    )


def _check_mask(mask: Mask, photo: Image, sample_id: str) -> None:
    if mask.shape != photo.shape[:2]:
        raise TpgbenchError(
            f"{sample_id}: the mask is {mask.shape[1]}x{mask.shape[0]} px and the photo "
            f"{photo.shape[1]}x{photo.shape[0]}: make them equal"
        )


def _visible(row: MannequinRow, size: int, fit: str) -> Mask | None:
    """Return the garment's mask in the frame, or None where there is none."""
    if row.mask is None:
        return None
    _check_mask(row.mask, row.image, row.sample_id)
    grey = row.mask.astype(np.uint8) * np.uint8(255)
    if fit != "stretch":
        grey = _window(grey, _frame(grey), mode="constant")
    visible: Mask = resize(grey, size) >= MASK_THRESHOLD
    return visible


def _whole(photo: Image, size: int, fit: str, what: str) -> Image:
    height, width = photo.shape[:2]
    check_size((width, height), what)
    framed = photo if fit == "stretch" else _window(photo, _frame(photo), mode="edge")
    return resize(framed, size)


def _frame(image: Image) -> Box:
    """Return the smallest square around the whole image."""
    height, width = image.shape[:2]
    side = max(width, height)
    return Box(left=-((side - width) // 2), top=-((side - height) // 2), side=side)


def _window(image: Image, box: Box, *, mode: Literal["edge", "constant"]) -> Image:
    """Cut out a box; beyond the picture repeat its edge, or put zeros (``constant``)."""
    height, width = image.shape[:2]
    pads = [
        (max(0, -box.top), max(0, box.top + box.side - height)),
        (max(0, -box.left), max(0, box.left + box.side - width)),
    ]
    inside = image[max(0, box.top) : box.top + box.side, max(0, box.left) : box.left + box.side]
    if not any(map(any, pads)):
        return inside
    return np.pad(inside, pads + [(0, 0)] * (image.ndim - 2), mode=mode)
