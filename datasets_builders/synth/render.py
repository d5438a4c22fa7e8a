"""From a scene's key to a row of a dataset: the renderer's one entry."""

from __future__ import annotations

from typing import Any

import numpy as np

from ...core.errors import TpgbenchError
from ..base import TpgRow, Track
from .families import PHRASES
from .identity import SEVERITIES, check_size, row_id
from .palette import colour_name
from .pattern import Pattern, draw_pattern
from .photo import photograph, to_bytes
from .streams import Factor, SceneKey, between

_STRENGTHS = dict(zip(SEVERITIES, (0.12, 0.3, 0.5, 0.75, 1.0), strict=True))


def render(key: SceneKey, *, size: int, track: Track, severity: int | None = None) -> TpgRow:
    """Render one row.

    The photo's side is twice ``size``, so that the garment's square box is about ``size`` pixels.
    A scene is the same at every size but for the pixels' noise.

    The row's ``meta`` holds: ``family`` and its details (such as the wallpaper ``group``);
    ``garment``; ``severity``; ``occluder``; ``coverage``, the visible share of the mask's square
    box; ``palette``, a list of RGB from 0 to 255, the ground first; and ``lattice`` (two vectors
    (x, y)), ``phase`` and ``period`` of the truth, as `pattern.Layout` defines them. The unaligned
    track adds ``garment_lattice``, in parts of the garment's box.

    Args:
        key: Which scene.
        size: Side of the pattern in pixels, 64 to 1024.
        track: ``"aligned"``: the truth is the flat cloth in the square box of the mask.
            ``"unaligned"``: it is the canonical tile (see `pattern.Pattern.canonical`).
        severity: Strength of the distortion from 1 to 5, or None to draw it. It scales the warp,
            folds, shading, occlusion, blur and noise, and changes nothing else.

    Raises:
        TpgbenchError: The size or the severity is out of range.
    """
    check_size(size)
    sample_id = row_id(key, severity)
    if severity is None:
        severity = between(key.stream(Factor.SEVERITY), SEVERITIES[0], SEVERITIES[-1])
    if severity not in _STRENGTHS:
        raise TpgbenchError(f"{sample_id}: no severity {severity}: give one from 1 to 5")
    strength = _STRENGTHS[severity]
    pattern = draw_pattern(key.stream(Factor.PATTERN))
    photo = photograph(key, pattern, size, strength)
    layout = pattern.worn if track == "aligned" else pattern.canonical
    meta: dict[str, Any] = {
        "family": pattern.family,
        **pattern.design.details,
        "garment": photo.garment,
        "severity": severity,
        "occluder": photo.occluder,
        "coverage": float(photo.mask.sum()) / photo.box.side**2,
        "palette": np.rint(255.0 * pattern.design.palette).astype(int).tolist(),
        "lattice": layout.lattice.T.tolist(),
        "phase": layout.phase.tolist(),
        "period": layout.period,
    }
    if track == "unaligned":
        meta["garment_lattice"] = pattern.worn.lattice.T.tolist()
    return TpgRow(
        sample_id=sample_id,
        garment=photo.image,
        mask=photo.mask,
        pattern=to_bytes(pattern.flat(layout, size)),
        garment_id=row_id(key),
        caption=_caption(photo.garment, pattern),
        meta=meta,
    )


def _caption(garment: str, pattern: Pattern) -> str:
    names = list(dict.fromkeys(colour_name(colour) for colour in pattern.design.palette[:2]))
    article = "" if garment == "trousers" else "a "
    phrase = PHRASES.get(pattern.family, pattern.family)
    return f"{article}{garment} with a {' and '.join(names)} {phrase} pattern"
