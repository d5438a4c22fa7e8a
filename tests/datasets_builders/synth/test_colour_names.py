"""The names that captions give to colours."""

from __future__ import annotations

import colorsys

import numpy as np
import pytest
from tpgbench.datasets_builders.synth.palette import _NAMES, colour_name


@pytest.mark.parametrize("name", _NAMES)
def test_a_typical_shade_bears_its_name(name):
    for shade in _NAMES[name]:
        assert colour_name(np.array(shade) / 255) == name


@pytest.mark.parametrize(
    ("hsv", "name"),
    [
        ((0.42, 0.15, 0.95), "mint"),  # once "cream"
        ((0.85, 0.20, 0.58), "mauve"),  # once "grey"
        ((0.60, 0.10, 0.96), "pale blue"),
        ((0.12, 0.12, 0.96), "cream"),
        ((0.95, 0.10, 0.98), "pale pink"),
        ((0.75, 0.12, 0.95), "lilac"),
        ((0.33, 0.20, 0.62), "sage"),
        ((0.0, 0.0, 1.0), "white"),
        ((0.0, 0.0, 0.5), "grey"),
    ],
)
def test_pale_and_muted_grounds_are_named_rightly(hsv, name):
    assert colour_name(np.array(colorsys.hsv_to_rgb(*hsv))) == name
