"""Standing poses that a word or two name.

Every number is an angle in radians of `figure.Pose`: of the upper arm away from the body, and of
the forearm farther out than that.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from .figure import SIDES, Pose

Range = tuple[float, float]


@dataclass(frozen=True)
class _Arm:
    """How far an arm is held out, and its forearm turned farther."""

    upper: Range
    bend: Range


_DOWN = _Arm((0.14, 0.26), (-0.14, 0.02))
_ON_HIP = _Arm((0.62, 0.72), (-1.3, -1.2))
_OUT = _Arm((1.22, 1.45), (0.0, 0.14))
_RAISED = _Arm((1.75, 2.05), (0.55, 0.9))

# The arms on one side and on the other.
_ARMS: Mapping[str, tuple[_Arm, _Arm]] = {
    "arms down": (_DOWN, _DOWN),
    "hand on hip": (_ON_HIP, _DOWN),
    "hands on hips": (_ON_HIP, _ON_HIP),
    "arms out": (_OUT, _OUT),
    "arm raised": (_RAISED, _DOWN),
    "arms raised": (_RAISED, _RAISED),
}
POSES = tuple(_ARMS)


def draw_named_pose(rng: np.random.Generator, name: str) -> Pose:
    """Draw one of the `POSES`; which side does what is drawn, too."""
    sides = tuple(SIDES) if rng.random() < 0.5 else tuple(SIDES)[::-1]
    arms = dict(zip(sides, _ARMS[name], strict=True))
    return Pose(
        {side: rng.uniform(*arms[side].upper) for side in SIDES},
        {side: rng.uniform(*arms[side].bend) for side in SIDES},
        rng.uniform(0.05, 0.085),
    )
