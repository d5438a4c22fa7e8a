from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import numpy as np
import pytest
from commands import run_code
from tpgbench.benchmark.fit import fit_sample, fit_truth
from tpgbench.core.errors import TpgbenchError, UnknownNameError
from tpgbench.core.images import square_box
from tpgbench.datasets_builders import ctp_synth
from tpgbench.datasets_builders.base import DATASETS
from tpgbench.datasets_builders.ctp_synth import CtpSynth, CtpSynthUnaligned
from tpgbench.datasets_builders.synth import render as render_module
from tpgbench.datasets_builders.synth.cloth import Surface, fix_gauge
from tpgbench.datasets_builders.synth.families import FAMILIES
from tpgbench.datasets_builders.synth.garments import GARMENTS
from tpgbench.datasets_builders.synth.identity import row_id
from tpgbench.datasets_builders.synth.pattern import draw_pattern
from tpgbench.datasets_builders.synth.streams import Factor, SceneKey

SIZE = 64
SCENES = range(12)


def digest(row):
    facts = json.dumps([row.sample_id, row.garment_id, row.caption, dict(row.meta)])
    return row.garment.tobytes() + row.mask.tobytes() + row.pattern.tobytes() + facts.encode()


def correlation(row, size, shift=(0, 0)):
    """How alike garment and truth are where the garment is visible, the truth moved by pixels."""
    sample, truth = fit_sample(row, size=size), fit_truth(row, size=size)
    moved = np.roll(truth, shift, axis=(0, 1))
    inside = sample.mask.copy()
    inside[:4] = inside[-4:] = inside[:, :4] = inside[:, -4:] = False
    return np.corrcoef(sample.garment[inside].ravel(), moved[inside].ravel())[0, 1]


@pytest.fixture(scope="module")
def robust():
    """Scenes by severities 1 to 5."""
    dataset = CtpSynth().open("robustness", size=SIZE)
    return [[dataset[5 * scene + nth] for nth in range(5)] for scene in SCENES]


def test_a_row_has_its_shapes_types_and_facts():
    for source in (CtpSynth(), CtpSynthUnaligned()):
        row = source.open("test", size=80)[3]
        assert row.garment.shape == (160, 160, 3)
        assert row.mask.shape == (160, 160)
        assert row.pattern.shape == (80, 80, 3)
        assert (row.garment.dtype, row.mask.dtype, row.pattern.dtype) == (np.uint8, bool, np.uint8)
        assert row.sample_id == row.garment_id == "test-0003"
        meta = row.meta
        assert json.loads(json.dumps(meta)) == meta
        assert meta["family"] in FAMILIES
        assert meta["garment"] in GARMENTS
        assert meta["severity"] in range(1, 6)
        assert meta["coverage"] == pytest.approx(row.mask.sum() / square_box(row.mask).side ** 2)
        assert meta["garment"] in row.caption


def test_a_severity_changes_nothing_but_the_distortion(robust):
    for rows in robust:
        first = rows[0]
        for row in rows[1:]:
            np.testing.assert_array_equal(row.pattern, first.pattern)
            assert square_box(row.mask) == square_box(first.mask)
            assert row.caption == first.caption
            assert row.garment_id == first.garment_id
            changed = {k for k in first.meta if row.meta[k] != first.meta[k]}
            assert changed <= {"severity", "occluder", "coverage"}
        assert len({row.sample_id for row in rows}) == 5
        assert len({row.garment.tobytes() for row in rows}) == 5


def test_no_occluder_ever_moves_the_box():
    for index in range(40):
        key = SceneKey(11, "train", index)
        boxes = {
            square_box(
                render_module.render(key, size=SIZE, track="aligned", severity=severity).mask
            )
            for severity in (1, 5)
        }
        assert len(boxes) == 1


def test_every_severity_is_harder_than_the_one_below(robust):
    alike = np.array([[correlation(row, SIZE) for row in rows] for rows in robust]).mean(axis=0)
    assert alike[0] > 0.85
    assert (np.diff(alike) < 0).all()


def test_the_truth_lies_where_the_garment_wears_it(robust):
    """The gauge: with any shift, the garment looks less like its truth."""
    for severity in (0, 2):
        rows = [scene[severity] for scene in robust]
        still = np.mean([correlation(row, SIZE) for row in rows])
        for shift in ((2, 0), (-2, 0), (0, 2), (0, -2)):
            assert np.mean([correlation(row, SIZE, shift) for row in rows]) < still - 0.05


def test_the_gauge_removes_every_affine_displacement_and_nothing_else():
    x, y = np.linspace(0, 1, 30), np.linspace(0, 1, 20)
    columns, rows = np.meshgrid(x, y)
    visible = np.random.default_rng(0).random((20, 30))
    wave = np.sin(9 * columns) * np.cos(7 * rows)
    plain = Surface(columns + wave, rows - wave, np.ones((20, 30)))
    affine = replace(
        plain, x=plain.x + 0.1 - 0.2 * columns + 0.3 * rows, y=plain.y - 0.4 + 0.05 * columns
    )
    fixed, reference = fix_gauge(affine, x, y, visible), fix_gauge(plain, x, y, visible)
    np.testing.assert_allclose(fixed.x, reference.x, atol=1e-9)
    np.testing.assert_allclose(fixed.y, reference.y, atol=1e-9)
    assert np.abs(fixed.x - columns).std() > 0.2
    basis = np.stack([np.ones_like(columns), columns, rows])
    np.testing.assert_allclose(
        (basis * visible * (fixed.x - columns)).sum(axis=(1, 2)), 0, atol=1e-9
    )


def test_the_same_row_shows_the_same_scene_at_two_sizes():
    for index in range(6):
        key = SceneKey(0, "test", index)
        small, large = (
            render_module.render(key, size=size, track="aligned", severity=1) for size in (64, 128)
        )
        for name, tolerance in (("garment", 4.0), ("pattern", 8.0)):
            image = getattr(large, name).astype(float)
            side = len(image) // 2
            reduced = image.reshape(side, 2, side, 2, 3).mean(axis=(1, 3))
            assert np.abs(reduced - getattr(small, name)).mean() < tolerance
        reduced = large.mask.reshape(128, 2, 128, 2).mean(axis=(1, 3)) >= 0.5
        assert (reduced & small.mask).sum() / (reduced | small.mask).sum() > 0.94
        assert small.meta["lattice"] == large.meta["lattice"]


def test_both_tracks_show_the_same_photos_and_only_the_truth_differs():
    aligned, unaligned = (s.open("test", size=SIZE)[7] for s in (CtpSynth(), CtpSynthUnaligned()))
    np.testing.assert_array_equal(aligned.garment, unaligned.garment)
    np.testing.assert_array_equal(aligned.mask, unaligned.mask)
    assert unaligned.meta["garment_lattice"] == aligned.meta["lattice"]
    assert unaligned.meta["lattice"][0] == [0.5, 0.0]
    assert not np.array_equal(aligned.pattern, unaligned.pattern)


def test_lattice_and_phase_describe_the_truth():
    """The documented formula finds the motif's origin: the middle of a polka dot."""
    found = 0
    for index in range(200):
        cloth = draw_pattern(SceneKey(0, "test", index).stream(Factor.PATTERN))
        if cloth.family != "dots":
            continue
        row = CtpSynth().open("test", size=128)[index]
        lattice = np.array(row.meta["lattice"]).T
        ground = np.array(row.meta["palette"][0])
        origins = [
            lattice @ (np.array([m, n]) - row.meta["phase"])
            for m in range(-20, 21)
            for n in range(-20, 21)
        ]
        for x, y in (128 * origin for origin in origins if (abs(origin - 0.5) < 0.48).all()):
            assert np.abs(row.pattern[int(y), int(x)].astype(int) - ground).max() > 12
            found += 1
        if found > 50:
            return
    pytest.fail("too few dots")


def test_neither_order_nor_threads_nor_another_process_changes_a_row():
    dataset = CtpSynth().open("test", size=SIZE)
    forwards = [digest(dataset[index]) for index in range(6)]
    with ThreadPoolExecutor(3) as pool:
        backwards = list(pool.map(lambda index: digest(dataset[index]), range(5, -1, -1)))
    assert backwards[::-1] == forwards
    code = (
        "import hashlib; from tpgbench.datasets_builders.ctp_synth import CtpSynth; "
        "print(hashlib.sha256(CtpSynth().open('test', size=64)[4].garment.tobytes()).hexdigest())"
    )
    outputs = {run_code(code, PYTHONHASHSEED=seed) for seed in ("1", "2")}
    assert len(outputs) == 1


def test_streams_of_splits_scenes_factors_and_seeds_are_all_different():
    draws = [
        SceneKey(seed, split, index).stream(factor).random()
        for seed in (0, 1)
        for split in CtpSynth.splits
        for index in range(3)
        for factor in Factor
    ]
    assert len(set(draws)) == len(draws)


def test_nothing_is_rendered_before_a_row_is_asked_for(monkeypatch):
    def refuse(*_args, **_options):
        raise AssertionError("rendered")

    monkeypatch.setattr(render_module, "render", refuse)
    dataset = CtpSynth().open("test")
    assert len(dataset) == 200
    assert dataset.sample_ids(2) == ["test-0000", "test-0001"]
    assert dataset.size == 128
    with pytest.raises(AssertionError, match="rendered"):
        dataset[0]


def test_the_splits_have_their_rows():
    counts = {s: len(CtpSynth().open(s)) for s in ("validation", "test", "robustness")}
    assert counts == {"validation": 200, "test": 200, "robustness": 200}
    ids = CtpSynth().open("robustness").sample_ids()
    assert ids[:6] == [*(f"robustness-0000-s{s}" for s in range(1, 6)), "robustness-0001-s1"]
    assert len({sample_id[:-3] for sample_id in ids}) == 40
    train = CtpSynth().open("train", size=SIZE)
    with pytest.raises(TpgbenchError, match="endless: give --limit"):
        train.sample_ids()
    assert train.sample_ids(2) == ["train-0000", "train-0001"]
    with pytest.raises(TpgbenchError, match="1,000,000,000,000 rows of 'train' are too many: ask"):
        train.sample_ids(10**12)
    assert train[10**7].sample_id == "train-10000000"
    for index in (-1, 200):
        with pytest.raises(IndexError):
            CtpSynth().open("test")[index]


def test_the_fingerprint_is_name_version_and_seed_and_not_the_size(monkeypatch):
    def fingerprint(source, size, seed=0):
        return source.open("test", size=size, seed=seed).fingerprint

    base = fingerprint(CtpSynth(), 64)
    assert fingerprint(CtpSynth(), 128) == base
    assert fingerprint(CtpSynth(), 64, seed=1) != base
    assert fingerprint(CtpSynthUnaligned(), 64) != base
    monkeypatch.setattr(ctp_synth, "VERSION", 999)
    assert fingerprint(CtpSynth(), 64) != base


def test_what_cannot_be_rendered_is_refused():
    for size in (63, 1025):
        with pytest.raises(TpgbenchError, match="64 to 1024"):
            CtpSynth().open("test", size=size)
    with pytest.raises(TpgbenchError, match="at least 0"):
        CtpSynth().open("test", seed=-1)
    with pytest.raises(UnknownNameError, match="did you mean 'test'"):
        CtpSynth().open("tset")
    with pytest.raises(TpgbenchError, match="one from 1 to 5"):
        render_module.render(SceneKey(0, "test", 0), size=64, track="aligned", severity=6)


def test_an_odd_size_renders():
    row = CtpSynth().open("test", size=101)[0]
    assert row.garment.shape == (202, 202, 3)
    assert row.pattern.shape == (101, 101, 3)


@pytest.mark.slow
def test_the_largest_size_renders():
    row = CtpSynth().open("test", size=1024)[0]
    assert row.garment.shape == (2048, 2048, 3)


def test_the_garment_fills_about_the_pattern_s_side_and_stays_on_the_photo():
    dataset = CtpSynth().open("validation", size=SIZE)
    for index in range(30):
        mask = dataset[index].mask
        box = square_box(mask)
        assert 0.9 * SIZE < box.side < 1.3 * SIZE
        border = np.concatenate([mask[0], mask[-1], mask[:, 0], mask[:, -1]])
        assert not border.any()


def test_the_registry_opens_both():
    for name in ("ctp-synth", "ctp-synth-unaligned"):
        source = DATASETS.get(name)()
        dataset = source.open("test", size=SIZE)
        assert (dataset.name, dataset.licence, dataset.fit) == (name, "CC0-1.0", "box")
        assert source.embedded


def test_row_ids_name_split_scene_and_severity():
    key = SceneKey(0, "robustness", 7)
    assert (row_id(key), row_id(key, 3)) == ("robustness-0007", "robustness-0007-s3")
