"""What identifies a rendered row before anything is drawn.

Opening a procedural dataset needs this and no renderer, whose imports (SciPy) take longer than all
else that opening does.
"""

from __future__ import annotations

from ...core.errors import TpgbenchError
from .streams import SceneKey

# Raised whenever a row changes for an equal key: each is part of its datasets' fingerprints.
VERSION = 2  # of `render`; 2: captions name pale and muted colours rightly
MANNEQUIN_VERSION = 1  # of `mannequin`

MIN_SIZE, MAX_SIZE = 64, 1024
SEVERITIES = (1, 2, 3, 4, 5)


def check_size(size: int) -> None:
    """Raise unless a scene can be rendered at ``size``.

    Raises:
        TpgbenchError: The size is outside 64 to 1024.
    """
    if not MIN_SIZE <= size <= MAX_SIZE:
        raise TpgbenchError(
            f"--size {size}: the procedural datasets are rendered at {MIN_SIZE} to {MAX_SIZE} px"
        )


def row_id(key: SceneKey, severity: int | None = None) -> str:
    """Return a row's id: ``"test-0007"``, or ``"robustness-0007-s3"`` at a given severity."""
    scene = f"{key.split}-{key.index:04d}"
    return scene if severity is None else f"{scene}-s{severity}"
