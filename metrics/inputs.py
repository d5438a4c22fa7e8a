"""What the metric functions accept."""

from __future__ import annotations

import numpy as np

from ..core.errors import TpgbenchError
from ..core.images import Image, Mask


def check_image(image: Image, name: str, *, min_side: int = 1) -> None:
    """Raise unless ``image`` is what a metric measures.

    Args:
        image: What should be a uint8 array (height, width, 3).
        name: What to call it in an error: ``"output"``.
        min_side: The shortest side that the metric is defined for, in pixels.

    Raises:
        TpgbenchError: Wrong type, shape or size.
    """
    if image.dtype != np.uint8:
        raise TpgbenchError(
            f"the {name} image holds {image.dtype} values: give uint8 from 0 to 255"
        )
    if image.ndim != 3 or image.shape[2] != 3:
        raise TpgbenchError(
            f"the {name} image has shape {image.shape}: give RGB as (height, width, 3)"
        )
    if min(image.shape[:2]) < min_side:
        raise TpgbenchError(
            f"the {name} image is {image.shape[1]}x{image.shape[0]} px: "
            f"each side must be {min_side} px at least"
        )


def check_pair(output: Image, truth: Image, *, min_side: int = 1) -> None:
    """Raise unless both are images of one size.

    Raises:
        TpgbenchError: As `check_image`, or the sizes differ.
    """
    check_image(output, "output", min_side=min_side)
    check_image(truth, "true", min_side=min_side)
    if output.shape != truth.shape:
        raise TpgbenchError(
            f"the output is {output.shape[1]}x{output.shape[0]} px and the ground truth "
            f"{truth.shape[1]}x{truth.shape[0]} px: resize one of them"
        )


def check_garment(garment: Image, mask: Mask) -> None:
    """Raise unless the mask is one of the garment photo.

    Raises:
        TpgbenchError: As `check_image`, or the mask is not bool, or not as large as the photo.
    """
    check_image(garment, "garment")
    if mask.dtype != np.bool_ or mask.shape != garment.shape[:2]:
        raise TpgbenchError(
            f"the mask holds {mask.dtype} values of shape {mask.shape}: give bool of shape "
            f"{garment.shape[:2]}, as large as the garment"
        )
