from __future__ import annotations

import json
import re
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise, product

import numpy as np
import pytest
from click.testing import CliRunner
from commands import run_code
from tpgbench.api import datasets as api_datasets
from tpgbench.cli.app import cli
from tpgbench.core.errors import TpgbenchError, UnknownNameError
from tpgbench.datasets_builders import mannequin_synth
from tpgbench.datasets_builders.base import DATASETS
from tpgbench.datasets_builders.ctp_synth import CtpSynth
from tpgbench.datasets_builders.mannequin_synth import MannequinSynth
from tpgbench.datasets_builders.reading.parquet import ParquetDataset
from tpgbench.datasets_builders.reading.row_cache import CachedRows
from tpgbench.datasets_builders.synth import captions, mannequin
from tpgbench.datasets_builders.synth.captions import Facts, vocabulary, words, write_caption
from tpgbench.datasets_builders.synth.colours import (
    COLOURS,
    colour_word,
    dominant_words,
    draw_named,
)
from tpgbench.datasets_builders.synth.families import FAMILIES
from tpgbench.datasets_builders.synth.figure import SIDES
from tpgbench.datasets_builders.synth.garments import GARMENTS
from tpgbench.datasets_builders.synth.mannequin import render_mannequin
from tpgbench.datasets_builders.synth.poses import POSES
from tpgbench.datasets_builders.synth.raster import fill
from tpgbench.datasets_builders.synth.shapes import circle, cut, rectangle
from tpgbench.datasets_builders.synth.stage import BACKGROUNDS
from tpgbench.datasets_builders.synth.streams import SceneKey
from tpgbench.datasets_builders.synth.subject import draw_subject

SIZE = 96
FEW = {"validation": 2, "test": 3, "paired": 2}

# How captions say things, written down anew: a reader of its own, not the writer reversed.
SAID_POSES = {
    "with both arms down": "arms down",
    "with one hand on the hip": "hand on hip",
    "with both hands on the hips": "hands on hips",
    "with both arms out": "arms out",
    "with one arm raised": "arm raised",
    "with both arms raised": "arms raised",
}
SAID_BACKGROUNDS = {
    r"in an? (\w+) studio": "studio",
    r"in an? (\w+) room": "room",
    r"in front of an? (\w+) plaster wall": "plaster",
    r"in front of an? (\w+) panelled wall": "panels",
    r"in front of an? (\w+) wall with lights": "lights",
}
SAID_FAMILIES = {
    "striped": "stripes",
    "polka dot": "dots",
    "ornamental": "wallpaper",
    "mosaic": "voronoi",
    "blotched": "blotches",
    "placed motif": "placed",
    **{name: name for name in ("tartan", "gingham", "houndstooth", "argyle", "floral", "paisley",
                               "lettering", "camouflage", "leopard")},
}  # fmt: skip


def read_caption(caption):
    """Return what a caption states, each statement found exactly once."""
    (pose,) = (phrase for phrase in SAID_POSES if phrase in caption)
    (background,) = (phrase for phrase in SAID_BACKGROUNDS if re.search(phrase, caption))
    wall = re.search(background, caption)[1]
    rest = re.sub(background, "", caption).replace(pose, "")
    plain = re.search(r"plain (\w+) (\w+)", rest)
    rest = rest.replace(plain[0], "") if plain else rest
    (garment,) = set(re.findall(r"\b(tee|shirt|dress|skirt|trousers)\b", rest))
    (family,) = (name for phrase, name in SAID_FAMILIES.items() if re.search(phrase, rest))
    return Facts(
        garment=garment,
        family=family,
        colours=tuple(word for word in re.findall(r"[a-z]+", rest) if word in COLOURS),
        companion=plain[2] if plain else None,
        companion_colour=plain[1] if plain else None,
        pose=SAID_POSES[pose],
        background=SAID_BACKGROUNDS[background],
        wall=wall,
    )


def facts_of(row):
    names = Facts.__dataclass_fields__
    return Facts(
        **{k: tuple(v) if k == "colours" else v for k, v in row.meta.items() if k in names}
    )


class Shot:
    """A row, and where the figure's units lie on its photo."""

    def __init__(self, index, size=SIZE):
        key = SceneKey(0, "paired", index)
        self.subject, self.facts = draw_subject(key)
        self.row = render_mannequin(key, size=size, conditioned=True)
        self.camera, self.size = self.subject.camera, size
        self.figure = self.row.condition[..., 0] >= 64

    def pixel(self, point):
        column, row = (np.asarray(point) * self.camera.scale + self.camera.shift) * self.size
        return int(row), int(column)

    def units(self, mask):
        """The figure's coordinates (x, y) of a mask's pixels."""
        rows, columns = np.nonzero(mask)
        pixels = np.stack([columns + 0.5, rows + 0.5]) / self.size
        return (pixels - self.camera.shift[:, None]) / self.camera.scale

    def colour_at(self, points):
        image = self.row.image
        return np.median([image[self.pixel(point)] for point in points], axis=0) / 255


@pytest.fixture(scope="module")
def shots():
    return [Shot(index) for index in range(48)]


# --- rows ---------------------------------------------------------------------------------------


def digest(row):
    images = [row.image, row.mask, *([] if row.condition is None else [row.condition])]
    facts = json.dumps([row.sample_id, row.garment_id, row.caption, dict(row.meta)], sort_keys=True)
    return b"".join(image.tobytes() for image in images) + facts.encode()


def test_a_row_has_its_shapes_types_and_facts():
    for split in MannequinSynth.splits:
        row = MannequinSynth().open(split, size=81)[3]
        assert row.sample_id == row.garment_id == f"{split}-0003"
        assert (row.image.shape, row.image.dtype) == ((81, 81, 3), np.uint8)
        assert (row.mask.shape, row.mask.dtype) == ((81, 81), bool)
        assert (row.condition is not None) == (split == "paired")
        if split == "paired":
            assert (row.condition.shape, row.condition.dtype) == ((81, 81, 3), np.uint8)
        assert json.loads(json.dumps(row.meta)) == row.meta


def test_neither_order_nor_threads_nor_another_process_changes_a_row():
    dataset = MannequinSynth().open("paired", size=64)
    forwards = [digest(dataset[index]) for index in range(6)]
    with ThreadPoolExecutor(3) as pool:
        backwards = list(pool.map(lambda index: digest(dataset[index]), range(5, -1, -1)))
    assert backwards[::-1] == forwards
    code = (
        "from tpgbench.datasets_builders.mannequin_synth import MannequinSynth; "
        "row = MannequinSynth().open('paired', size=64)[4]; "
        "print(row.image.tobytes().hex(), row.caption)"
    )
    outputs = {run_code(code, PYTHONHASHSEED=seed) for seed in ("1", "2")}
    row = dataset[4]
    assert outputs == {f"{row.image.tobytes().hex()} {row.caption}\n"}


def test_splits_and_seeds_show_different_scenes():
    digests = {
        MannequinSynth().open(split, size=64, seed=seed)[0].image.tobytes()
        for split in MannequinSynth.splits
        for seed in (0, 1)
    }
    assert len(digests) == 8


def test_the_same_row_shows_the_same_scene_at_two_sizes():
    for index in range(6):
        small, large = (Shot(index, size).row for size in (64, 128))
        reduced = large.image.reshape(64, 2, 64, 2, 3).mean(axis=(1, 3))
        assert np.abs(reduced - small.image).mean() < 3.5
        mask = large.mask.reshape(64, 2, 64, 2).mean(axis=(1, 3)) >= 0.5
        assert (mask & small.mask).sum() / (mask | small.mask).sum() > 0.9
        assert (large.caption, large.meta) == (small.caption, small.meta)


def test_the_splits_have_their_rows(monkeypatch):
    def refuse(*_args, **_options):
        raise AssertionError("rendered")

    monkeypatch.setattr(mannequin, "render_mannequin", refuse)
    source = DATASETS.get("mannequin-synth")()
    assert (source.task, source.embedded, source.default_size) == ("mannequin", True, 128)
    assert source.open("test").size == 128
    for split in ("validation", "test", "paired"):
        dataset = source.open(split)
        assert (len(dataset), dataset.task) == (200, "mannequin")
        assert dataset.sample_ids(2) == [f"{split}-0000", f"{split}-0001"]
        with pytest.raises(IndexError):
            dataset[200]
    train = source.open("train")
    with pytest.raises(TpgbenchError, match="endless: give --limit"):
        train.sample_ids()
    assert train.sample_ids(2) == ["train-0000", "train-0001"]
    with pytest.raises(AssertionError, match="rendered"):
        train[10**7]
    assert "paired" not in CtpSynth.splits


def test_the_fingerprint_is_name_version_and_seed_and_not_the_size(monkeypatch):
    def fingerprint(size, seed=0):
        return MannequinSynth().open("test", size=size, seed=seed).fingerprint

    base = fingerprint(64)
    assert fingerprint(128) == base
    assert fingerprint(64, seed=1) != base
    assert CtpSynth().open("test").fingerprint != base
    monkeypatch.setattr(mannequin_synth, "MANNEQUIN_VERSION", 999)
    assert fingerprint(64) != base


def test_what_cannot_be_rendered_is_refused():
    for size in (63, 1025):
        with pytest.raises(TpgbenchError, match="64 to 1024"):
            MannequinSynth().open("test", size=size)
    with pytest.raises(TpgbenchError, match="at least 0"):
        MannequinSynth().open("test", seed=-1)
    with pytest.raises(UnknownNameError, match="did you mean 'paired'"):
        MannequinSynth().open("pared")


@pytest.mark.slow
def test_the_largest_size_renders():
    assert MannequinSynth().open("test", size=1024)[0].image.shape == (1024, 1024, 3)


# --- captions -----------------------------------------------------------------------------------


def some_facts():
    """Every value of every fact at least once, with one to three colours."""
    rng = np.random.default_rng(0)
    for garment, family, pose, background in product(GARMENTS, FAMILIES, POSES, BACKGROUNDS):
        names = [COLOURS[i] for i in rng.permutation(len(COLOURS))]
        companion = None if garment == "dress" else ("tee", "shirt", "skirt")[rng.integers(3)]
        if garment in ("tee", "shirt"):
            companion = ("skirt", "trousers")[rng.integers(2)]
        colours = tuple(names[: rng.integers(1, 4)])
        plain = names[3] if companion else None
        yield Facts(garment, family, colours, companion, plain, pose, background, names[4])


def test_a_caption_states_every_fact_and_no_other():
    rng = np.random.default_rng(1)
    for facts in some_facts():
        assert read_caption(write_caption(rng, facts)) == facts


def test_the_vocabulary_is_what_captions_are_made_of():
    rng = np.random.default_rng(2)
    used = {token for facts in some_facts() for token in words(write_caption(rng, facts))}
    assert used == set(vocabulary())
    assert len(vocabulary()) == len(set(vocabulary())) < 100


def test_words_lose_nothing_but_spaces_and_captions_vary():
    rng = np.random.default_rng(3)
    facts = next(some_facts())
    said = {write_caption(rng, facts) for _ in range(200)}
    assert len(said) > 30
    for caption in said:
        assert "".join(words(caption)) == caption.replace(" ", "")
        assert not re.search(r"\ba [aeiou]|\ban [^aeiou]|  | ,", caption)


def test_every_pose_background_family_and_colour_has_its_words():
    assert set(captions._POSES) == set(POSES)
    assert set(captions._BACKGROUNDS) == set(BACKGROUNDS)
    assert set(SAID_FAMILIES.values()) == set(FAMILIES)
    assert len(COLOURS) == 16


# --- what is stated is what is shown ------------------------------------------------------------


def test_captions_and_meta_agree_and_everything_occurs():
    seen = Counter()
    for index in range(150):
        subject, facts = draw_subject(SceneKey(3, "train", index))
        assert subject.outfit.garment.kind == facts.garment
        assert subject.outfit.pattern.family == facts.family
        assert subject.stage.background == facts.background
        seen.update([facts.garment, facts.family, facts.pose, facts.background, facts.companion])
        seen.update([*facts.colours, facts.companion_colour, facts.wall])
        assert facts.companion_colour not in facts.colours
    assert set(seen) >= {*GARMENTS, *FAMILIES, *POSES, *BACKGROUNDS, *COLOURS, None}


def test_the_row_states_its_facts_in_caption_and_meta(shots):
    for shot in shots:
        assert read_caption(shot.row.caption) == facts_of(shot.row) == shot.facts


def arm_state(shot, side):
    """What a silhouette shows of an arm."""
    x, y = shot.units(shot.figure)
    x = SIDES[side] * x
    if (x[y < 0.06] > 0.12).any():
        return "raised"
    if x[(y > 0.17) & (y < 0.26)].max() > 0.33:
        return "out"
    return "hip" if x[(y > 0.28) & (y < 0.34)].max() > 0.192 else "down"


def test_the_stated_pose_is_the_silhouette_s(shots):
    poses = {
        "arms down": ["down", "down"],
        "hand on hip": ["down", "hip"],
        "hands on hips": ["hip", "hip"],
        "arms out": ["out", "out"],
        "arm raised": ["down", "raised"],
        "arms raised": ["raised", "raised"],
    }
    for shot in shots:
        assert sorted(arm_state(shot, side) for side in SIDES) == poses[shot.facts.pose]


def garment_shown(shot):
    """What a mask shows of the garment's cut."""
    x, y = shot.units(shot.row.mask)
    if y.min() > 0.34:
        split = not (np.abs(x[y > 0.7]) < 0.01).any()
        return "trousers" if split and y.max() > 0.8 else "skirt"
    if y.max() > 0.6:
        return "dress"
    pose = shot.subject.pose
    sleeves = [shot.row.mask[shot.pixel(0.6 * pose.elbow(s) + 0.4 * pose.wrist(s))] for s in SIDES]
    return "shirt" if all(sleeves) else "tee"


def test_the_stated_garment_has_the_mask_s_cut(shots):
    assert {shot.facts.garment for shot in shots} == set(GARMENTS)
    for shot in shots:
        assert garment_shown(shot) == shot.facts.garment


def test_the_stated_companion_and_wall_have_their_colours(shots):
    for shot in shots:
        corner = shot.row.image[3:16, 1:8].reshape(-1, 3)
        assert colour_word(np.median(corner, axis=0) / 255) == shot.facts.wall
    clothed = [shot for shot in shots if shot.facts.companion]
    right = 0
    for shot in clothed:
        level = 0.3 if shot.facts.companion in ("tee", "shirt") else 0.57
        points = [(x, level + dy) for x in (-0.05, -0.04, 0.04, 0.05) for dy in (-0.02, 0, 0.02)]
        right += colour_word(shot.colour_at(points)) == shot.facts.companion_colour
    assert right >= 0.93 * len(clothed)


def test_the_stated_colours_are_on_the_garment(shots):
    """Not each is found: light, folds and fine yarns move a colour over the bounds of its word."""
    found, chance = [], []
    for shot in shots:
        pixels = shot.row.image[shot.row.mask][::5] / 255
        shown = Counter(colour_word(pixel) for pixel in pixels)
        for word in COLOURS:
            group = found if word in shot.facts.colours else chance
            group.append(shown[word] > 0.04 * len(pixels))
    assert np.mean(found) > 0.68
    assert np.mean(chance) < 0.15


def test_the_garment_wears_the_pattern_of_the_stated_family(shots):
    def likeness(pattern, shot):
        mask = shot.row.mask.copy()
        x, y = shot.units(mask)
        body = np.abs(x) < 0.085  # sleeves have their own grain
        print_ = pattern.printed(pattern.worn, shot.size * shot.camera.scale)
        colours = print_.at(x[body], y[body])
        return np.corrcoef(colours.ravel(), shot.row.image[mask][body].ravel())[0, 1]

    own = [likeness(shot.subject.outfit.pattern, shot) for shot in shots]
    other = [likeness(before.subject.outfit.pattern, shot) for before, shot in pairwise(shots)]
    assert np.mean(own) > 0.65
    assert abs(np.mean(other)) < 0.2


def test_every_pattern_can_be_seen(shots):
    for shot in shots:
        period = shot.subject.outfit.pattern.worn.period * shot.camera.scale
        assert period * 128 > 5  # pixels at the default size
        assert shot.row.image[shot.row.mask].std(axis=0).mean() > 10


def test_no_garment_misses_its_pattern():
    for index in range(150):
        outfit = draw_subject(SceneKey(3, "train", index))[0].outfit
        cover = fill([200 * (panel + 0.5) for panel in outfit.garment.panels], (300, 300))
        rows, columns = np.nonzero(cover.on((300, 300)) > 0.5)
        x, y = (columns + 0.5) / 200 - 0.5, (rows + 0.5) / 200 - 0.5
        shown = outfit.pattern.printed(outfit.pattern.worn, 200).at(x, y)
        assert shown.std(axis=0).mean() > 0.065


# --- the photo ----------------------------------------------------------------------------------


def test_the_whole_figure_is_on_the_photo_and_fills_it(shots):
    for shot in shots:
        border = np.concatenate(
            [shot.figure[0], shot.figure[-1], shot.figure[:, 0], shot.figure[:, -1]]
        )
        assert not border.any()
        x, y = shot.units(shot.figure)
        assert y.min() < 0.02
        assert 0.98 < y.max() < 1.02
        assert max(np.ptp(x), np.ptp(y)) * shot.camera.scale > 0.82


def test_the_condition_is_the_figure_in_grey_and_the_garment_in_white(shots):
    for shot in shots:
        condition = shot.row.condition
        np.testing.assert_array_equal(condition[..., 0], condition[..., 1])
        np.testing.assert_array_equal(condition[..., 0], condition[..., 2])
        assert (condition[shot.row.mask] >= 128).all()
        grey = condition[..., 0]
        assert np.mean((grey == 0) | (grey == 255) | (abs(grey.astype(int) - 128) <= 1)) > 0.85
        assert (shot.figure >= shot.row.mask).all()
        assert {0, 128, 255} <= set(grey.ravel().tolist())


def test_a_hand_in_front_of_the_garment_is_not_masked(shots):
    checked = 0
    for shot in shots:
        for side in SIDES:
            wrist, elbow = shot.subject.pose.wrist(side), shot.subject.pose.elbow(side)
            hand = shot.pixel(wrist + 0.24 * (wrist - elbow))
            assert not shot.row.mask[hand]
            assert shot.figure[hand]
            checked += shot.row.mask[hand[0], hand[1] - 3 : hand[1] + 4].any()
    assert checked > 8  # of the hands lie at the garment


def test_the_figure_stands_out_from_its_background(shots):
    apart = []
    for shot in shots:
        inside = shot.row.image[shot.figure].mean(axis=0)
        apart.append(np.abs(inside - shot.row.image[~shot.figure].mean(axis=0)).sum())
    assert np.median(apart) > 60


# --- colours and outlines -----------------------------------------------------------------------


def test_a_drawn_colour_bears_its_name():
    rng = np.random.default_rng(4)
    for word in COLOURS:
        for tone in ("any", "light", "dark"):
            for _ in range(20):
                name, colour = draw_named(rng, {word}, tone)
                assert name == word == colour_word(colour)
                np.testing.assert_allclose(255 * colour, np.rint(255 * colour), atol=1e-9)
    light, dark = (draw_named(rng, {"green"}, tone)[1].mean() for tone in ("light", "dark"))
    assert light > dark + 0.3


@pytest.mark.parametrize(
    ("rgb", "word"),
    [
        ((255, 0, 0), "red"), ((0, 0, 0), "black"), ((255, 255, 255), "white"),
        ((0, 0, 110), "navy"), ((0, 128, 0), "green"), ((255, 165, 0), "orange"),
        ((0, 128, 128), "teal"), ((255, 192, 203), "pink"), ((128, 128, 0), "olive"),
        ((128, 0, 0), "maroon"), ((245, 245, 220), "beige"), ((128, 128, 128), "grey"),
        ((255, 230, 50), "yellow"), ((139, 69, 19), "brown"), ((128, 0, 128), "purple"),
        ((30, 90, 220), "blue"),
    ],
)  # fmt: skip
def test_colours_have_the_words_of_the_css_colours_of_that_name(rgb, word):
    assert colour_word(np.array(rgb) / 255) == word


def test_colours_are_named_by_area_and_mixes_by_halves():
    palette = np.array([[204, 34, 40], [247, 246, 244], [22, 32, 84], [244, 220, 64]]) / 255

    def named(*counts, mixes=0):
        mixed = np.tile(0.5 * (palette[0] + palette[1]), (mixes, 1))
        return dominant_words(np.vstack([np.repeat(palette, counts, axis=0), mixed]), palette)

    assert named(60, 30, 10, 0) == ("red", "white")
    assert named(30, 60, 10, 0) == ("white", "red")
    assert named(50, 30, 20, 0) == ("red", "white", "navy")
    assert named(99, 1, 0, 0) == ("red",)
    assert named(96, 0, 0, 4) == ("red", "yellow")
    assert named(8, 0, 0, 32, mixes=60) == ("red", "yellow", "white")
    # The last bits of a mix, in which platforms differ, decide nothing.
    noisy = np.tile(0.5 * (palette[0] + palette[1]), (100, 1))
    noisy += 1e-12 * np.random.default_rng(0).standard_normal(noisy.shape)
    assert dominant_words(noisy, palette)[:2] == ("red", "white")


def test_a_cut_keeps_the_part_beyond_the_line():
    def area(outline):
        x, y = outline.T
        return 0.5 * abs(np.sum(x * np.roll(y, -1) - y * np.roll(x, -1)))

    square = rectangle(0, 0, 1, 1)
    assert area(cut(square, (1, 0), 0.25)) == pytest.approx(0.75)
    assert area(cut(square, (-1, 0), -0.25)) == pytest.approx(0.25)
    assert area(cut(square, (1, 1), 1)) == pytest.approx(0.5)
    assert area(cut(circle(1.0, 400), (0, 1), 0)) == pytest.approx(np.pi / 2, rel=1e-3)
    np.testing.assert_array_equal(cut(square, (1, 0), -1), square)


# --- as files -----------------------------------------------------------------------------------


@pytest.fixture
def _few_rows(monkeypatch):
    monkeypatch.setattr(mannequin_synth, "ROWS", FEW)


@pytest.mark.usefixtures("_few_rows")
def test_it_builds_and_reads_back_as_it_was_rendered(tmp_path):
    import datasets

    out = tmp_path / "built"
    words = ["build-dataset", "mannequin-synth", "--out", str(out), "--size", "64"]
    result = CliRunner().invoke(cli, [*words, "--train-rows", "2"], standalone_mode=False)
    assert result.return_value == 0
    assert api_datasets.verify_dataset(out).differences == ()
    for split in ("train", *FEW):
        rendered, stored = (
            api_datasets.load_dataset("mannequin-synth", split, size=64),
            ParquetDataset(out, split),
        )
        assert (stored.fingerprint, stored.task) == (rendered.fingerprint, "mannequin")
        assert len(stored) == FEW.get(split, 2)
        for index, row in enumerate(stored):
            assert digest(row) == digest(rendered[index])
    loaded = datasets.load_dataset(str(out), cache_dir=str(tmp_path / "cache"))
    assert loaded["paired"][0]["condition"].size == (64, 64)
    assert loaded["test"][0]["condition"] is None


def test_it_can_be_cached_and_shown(tmp_path):
    dataset = MannequinSynth().open("paired", size=64)
    for _ in range(2):  # the second time from the folder
        assert digest(CachedRows(dataset, tmp_path / "cache")[1]) == digest(dataset[1])
    sheet = api_datasets.show_dataset(
        "mannequin-synth", "paired", size=64, limit=2, out=tmp_path / "s.png"
    )
    assert (sheet.shown, sheet.problems) == (2, ())
    assert dataset[1].caption in sheet.page.read_text()
