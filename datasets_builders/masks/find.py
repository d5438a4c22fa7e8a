"""Which masker a user means, and the mask of one photo."""

from __future__ import annotations

from functools import lru_cache

from ...core.errors import TpgbenchError
from ...core.masks import opaque_part
from .base import FoundMask, Masker

GIVEN, AUTO = "given", "auto"


def get_masker(masks: str) -> Masker | None:
    """Return what makes the masks of photos that have none.

    Args:
        masks: ``"given"``: nothing does. ``"auto"``: a plain background. Else the folder or the
            hub id of a model for semantic segmentation.

    Raises:
        TpgbenchError: As `Segmentation`.
    """
    if masks == GIVEN:
        return None
    if not masks:
        raise TpgbenchError("--masks: give auto, given, or a segmentation model")
    return _get(masks)


@lru_cache(maxsize=2)
def _get(masks: str) -> Masker:
    if masks == AUTO:
        from .plain_background import PlainBackground

        return PlainBackground()
    from .segmentation import Segmentation

    return Segmentation(masks)


def find_mask(masker: Masker, content: bytes, name: str) -> FoundMask:
    """Return the mask of a photo; of a cut-out it is what is opaque.

    Args:
        masker: What makes it.
        content: The encoded photo.
        name: Its name in error messages.

    Raises:
        TpgbenchError: The photo cannot be read, or no garment can be found.
    """
    from ...core.images import read_image

    opaque = opaque_part(content, name)
    if opaque is not None:
        return FoundMask(opaque)
    try:
        return masker.find(read_image(content, name))
    except TpgbenchError as error:
        raise TpgbenchError(f"{name}: {str(error).removeprefix(f'{name}: ')}") from error
