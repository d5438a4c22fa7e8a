from __future__ import annotations

import numpy as np
import pytest
from scipy import ndimage
from tpgbench.datasets_builders.synth.canvas import Canvas
from tpgbench.datasets_builders.synth.families import FAMILIES
from tpgbench.datasets_builders.synth.palette import colour_name, draw_palette
from tpgbench.datasets_builders.synth.pattern import Layout, Pattern
from tpgbench.datasets_builders.synth.shapes import circle, rotation
from tpgbench.datasets_builders.synth.wallpaper import (
    _GENERATORS,
    GROUPS,
    _draw_second,
    symmetries,
    symmetrised,
)
from tpgbench.datasets_builders.synth.waves import draw_periodic

SEEDS = range(4)
DEMANDED = {
    "stripes", "tartan", "gingham", "houndstooth", "dots", "wallpaper", "floral", "camouflage",
    "paisley", "lettering", "voronoi", "blotches", "placed",
}  # fmt: skip
WOVEN = {"tartan", "gingham"}  # warp and weft mix to colours between the palette's
ORDERS = {
    "p1": 1, "p2": 2, "pm": 2, "pg": 2, "cm": 2, "pmm": 4, "pmg": 4, "pgg": 4, "cmm": 4, "p4": 4,
    "p4m": 8, "p4g": 8, "p3": 3, "p3m1": 6, "p31m": 6, "p6": 6, "p6m": 12,
}  # fmt: skip
# Mirrors and glides, each up to whole cells.
FLIPS = {
    "pm": (1, 0), "pg": (0, 1), "cm": (1, 0), "pmm": (2, 0), "pmg": (1, 1), "pgg": (0, 2),
    "cmm": (2, 0), "p4m": (4, 0), "p4g": (2, 2), "p3m1": (3, 0), "p31m": (3, 0), "p6m": (6, 0),
}  # fmt: skip


def pattern(family, seed, period=None, angle=0.3):
    design = FAMILIES[family](np.random.default_rng([7, seed]))
    b_x, b_y = design.second
    basis = rotation(angle) @ np.array([[1.0, b_x], [0.0, b_y]])
    return Pattern(family, design, Layout((period or design.period) * basis, np.array([0.3, 0.8])))


def test_there_are_the_families_that_were_asked_for():
    assert set(FAMILIES) >= DEMANDED


@pytest.mark.parametrize("family", FAMILIES)
def test_the_known_lattice_maps_the_pattern_onto_itself(family):
    size = 160
    for seed in SEEDS:
        cloth = pattern(family, seed, period=0.3)
        image = cloth.flat(cloth.worn, size)
        rows, columns = np.mgrid[8 : size // 2, 8 : size // 2].astype(float)

        def shifted(vector, image=image, rows=rows, columns=columns):
            offset = size * vector[::-1] + (size // 4)
            points = [rows + offset[0], columns + offset[1]]
            return np.stack(
                [ndimage.map_coordinates(c, points, order=1) for c in np.moveaxis(image, 2, 0)], 2
            )

        here = shifted(np.zeros(2))
        contrast = float(np.abs(here - here.mean(axis=(0, 1))).mean())
        for vector in cloth.worn.lattice.T:
            assert np.abs(shifted(0.5 * vector) - shifted(-0.5 * vector)).mean() < 0.25 * contrast
        # The test can fail: some other shift of the kind does not map it onto itself.
        others = (0.37 * cloth.worn.lattice @ np.array(c) for c in ((1, 0), (1, 1), (0.6, -1)))
        assert max(np.abs(shifted(v) - here).mean() for v in others) > 0.4 * contrast


@pytest.mark.parametrize("family", FAMILIES)
def test_the_cell_has_no_seam(family):
    for seed in SEEDS:
        cell = pattern(family, seed).design.cell(90)
        for axis in (0, 1):
            steps = np.abs(np.roll(cell, -1, axis=axis) - cell).mean(axis=(1 - axis, 2))
            assert steps[-1] <= 1.05 * steps[:-1].max() + 1e-9


@pytest.mark.parametrize("family", FAMILIES)
def test_a_design_is_the_same_at_every_resolution(family):
    for seed in SEEDS:
        design = pattern(family, seed).design
        height, width = Canvas(design.second, 40, design.palette[0]).size
        coarse, fine = design.cell(40), design.cell(160)
        if fine.shape[:2] != (4 * height, 4 * width):
            fine = ndimage.zoom(
                fine, (4 * height / fine.shape[0], 4 * width / fine.shape[1], 1), order=1
            )
        reduced = fine.reshape(height, 4, width, 4, 3).mean(axis=(1, 3))
        assert np.abs(reduced - coarse).mean() < 0.02


@pytest.mark.parametrize("family", FAMILIES)
def test_nothing_but_the_palette_is_printed(family):
    for seed in SEEDS:
        design = pattern(family, seed).design
        colours = design.palette
        if family in WOVEN:
            colours = (0.5 * (colours[:, None] + colours)).reshape(-1, 3)
        cell = design.cell(200).reshape(-1, 1, 3)
        off = np.abs(cell - colours).max(axis=2).min(axis=1)
        assert np.mean(off < 2e-3) > 0.8  # the rest is antialiased edges
        assert len(np.unique((255 * cell).round(), axis=0)) >= 2


@pytest.mark.parametrize("family", FAMILIES)
def test_the_canonical_tile_repeats_twice_whatever_is_worn(family):
    worn_small, worn_large = pattern(family, 1, period=0.1), pattern(family, 1, period=0.5, angle=1)
    image = worn_small.flat(worn_small.canonical, 128)
    np.testing.assert_array_equal(image, worn_large.flat(worn_large.canonical, 128))
    np.testing.assert_allclose(image[:, :64], image[:, 64:], atol=1e-9)


@pytest.mark.parametrize("family", ["dots", "floral", "placed", "argyle", "voronoi"])
def test_the_canonical_tile_has_a_motif_at_its_centre(family):
    for seed in SEEDS:
        cloth = pattern(family, seed)
        image = cloth.flat(cloth.canonical, 129)
        centre = image[64, 64]
        assert np.abs(centre - cloth.design.palette[0]).max() > 0.02 or family == "placed"


def test_there_are_seventeen_wallpaper_groups_of_the_right_orders():
    assert {group: len(symmetries(group)) for group in GROUPS} == ORDERS


def test_the_groups_have_their_mirrors_and_glides():
    """International Tables: how many reflections up to whole cells leave a line in place."""

    def is_mirror(symmetry):
        steps = [np.array([m, n]) for m in range(-2, 3) for n in range(-2, 3)]
        shift = np.array(symmetry.shift) / 2
        return any(not ((symmetry.matrix + np.eye(2)) @ (shift + step)).any() for step in steps)

    for group in GROUPS:
        flips = [s for s in symmetries(group) if round(np.linalg.det(s.matrix)) == -1]
        mirrors = sum(is_mirror(symmetry) for symmetry in flips)
        assert (mirrors, len(flips) - mirrors) == FLIPS.get(group, (0, 0)), group


def test_a_circle_stays_round_on_a_skewed_cell():
    second, radius = (0.4, 0.9), 0.35
    canvas = Canvas(second, 200, np.zeros(3))
    canvas.polygons(np.ones(3), [circle(radius, 100)])
    height, width = canvas.size
    s, t = np.meshgrid((np.arange(width) + 0.5) / width, (np.arange(height) + 0.5) / height)
    nearest = np.min(
        [
            np.hypot(s - m + (t - n) * second[0], (t - n) * second[1])
            for m in range(-2, 3)
            for n in range(-2, 3)
        ],
        axis=0,
    )
    inside = canvas.image[..., 0] > 0.5
    assert nearest[inside].max() < radius + 0.01
    assert nearest[~inside].min() > radius - 0.01


@pytest.mark.parametrize("group", GROUPS)
def test_a_wallpaper_has_its_symmetries_and_its_cell_allows_them(group):
    rng = np.random.default_rng(3)
    b_x, b_y = _draw_second(rng, _GENERATORS[group][0])
    basis = np.array([[1.0, b_x], [0.0, b_y]])
    gram = basis.T @ basis
    field = symmetrised(draw_periodic(rng, 4, 0.6), group)
    steps = 24
    values = field.at(np.arange(steps) / steps, np.arange(steps) / steps)
    x, y = np.meshgrid(np.arange(steps), np.arange(steps))
    for symmetry in symmetries(group):
        m = symmetry.matrix
        np.testing.assert_allclose(m.T @ gram @ m, gram, atol=1e-12)
        to_x = m[0, 0] * x + m[0, 1] * y + symmetry.shift[0] * steps // 2
        to_y = m[1, 0] * x + m[1, 1] * y + symmetry.shift[1] * steps // 2
        np.testing.assert_allclose(values[to_y % steps, to_x % steps], values, atol=1e-9)
    if group != "p6m":  # and no more than its own: a half turn and a mirror are not free
        extra = [
            s for s in symmetries("p6m" if b_x == -0.5 else "p4m") if s not in symmetries(group)
        ]
        moved = [
            values[(s.matrix[1, 0] * x + s.matrix[1, 1] * y) % steps,
                   (s.matrix[0, 0] * x + s.matrix[0, 1] * y) % steps]
            for s in extra
        ]  # fmt: skip
        assert max((np.abs(other - values).mean() for other in moved), default=1.0) > 0.1


def test_a_field_is_centred_on_its_highest_point():
    field = draw_periodic(np.random.default_rng(5), 6, 1.0).centred()
    grid = np.arange(64) / 64
    values = field.at(grid, grid)
    assert values[0, 0] == values.max()
    assert values.std() == pytest.approx(1.0, abs=1e-6)


def test_palettes_are_bytes_that_can_be_told_apart_and_cover_dark_and_light():
    palettes = [draw_palette(np.random.default_rng(seed), 4) for seed in range(200)]
    stacked = 255 * np.stack(palettes)
    np.testing.assert_allclose(stacked, stacked.round(), atol=1e-9)
    nearest = min(np.abs(p[:, None] - p).sum(2)[np.triu_indices(4, 1)].min() for p in palettes)
    assert nearest > 0.1
    grounds = np.array([p[0].mean() for p in palettes])
    assert grounds.min() < 0.15 and grounds.max() > 0.9  # noqa: PT018


@pytest.mark.parametrize(
    ("rgb", "name"),
    [
        ((200, 30, 40), "red"),
        ((20, 30, 90), "navy"),
        ((250, 250, 250), "white"),
        ((0, 0, 0), "black"),
    ],
)
def test_colours_have_their_everyday_names(rgb, name):
    assert colour_name(np.array(rgb) / 255) == name
