"""Looking at a dataset before running: the picture, the page, and that neither can be abused."""

from __future__ import annotations

import re

import numpy as np
import PIL.Image
import pytest
from click.testing import CliRunner
from tpgbench.api import datasets as api_datasets
from tpgbench.cli.app import cli
from tpgbench.core.errors import TpgbenchError
from tpgbench.datasets_builders.base import Dataset, MannequinRow, TpgRow
from tpgbench.datasets_builders.reading.contact_sheet import write_contact_sheet

EVIL = '<script>alert("x")</script>\x1b[31m\n'


class Rows(Dataset):
    """Rows that the test gives; None is one that cannot be read."""

    name, task, split, size, licence, fingerprint = EVIL, "tpg", "test", 64, EVIL, "f00"

    def __init__(self, rows):
        self.rows = rows

    def sample_ids(self, limit=None):
        ids = [f"broken-{i}" if r is None else r.sample_id for i, r in enumerate(self.rows)]
        return ids[:limit]

    def __getitem__(self, index):
        row = self.rows[index]
        if row is None:
            raise TpgbenchError(f"{EVIL}: is damaged")
        return row


def garment(sample_id, pattern=True, **more):
    image = np.full((200, 100, 3), 40, dtype=np.uint8)
    mask = np.zeros((200, 100), dtype=np.bool_)
    mask[:100] = True
    truth = np.full((50, 50, 3), (10, 200, 10), dtype=np.uint8) if pattern else None
    return TpgRow(sample_id, image, mask, truth, sample_id, **more)


def show(rows, tmp_path, limit=48):
    sheet = write_contact_sheet(Rows(rows), tmp_path / "sheet.png", limit=limit)
    return sheet, np.asarray(PIL.Image.open(sheet.picture)), sheet.page.read_text()


def test_a_row_s_pictures_stand_side_by_side(tmp_path):
    _, picture, page = show([garment("a")], tmp_path)
    assert (picture[8:168, 8:88] == 40).all()
    masked = picture[8:168, 170:250]
    assert (masked[:70] == 40).all()
    assert (masked[90:, :, 0] > 120).all()
    assert (picture[8:58, 332:382] == (10, 200, 10)).all()
    assert re.findall(r"<figcaption>(\w+)", page) == ["garment", "mask", "pattern"]


def test_a_mannequin_shows_its_photo_condition_and_caption(tmp_path):
    image = np.full((60, 40, 3), 90, dtype=np.uint8)
    row = MannequinRow("a", "ein Kleid 连衣裙", image, None, image, "g", {"light": "soft"})
    _, _, page = show([row], tmp_path)
    assert re.findall(r"<figcaption>(\w+)", page) == ["image", "condition"]
    assert "ein Kleid 连衣裙" in page
    assert "garment g {&#34;light&#34;: &#34;soft&#34;}" in page


def test_many_rows_wrap(tmp_path):
    sheet, picture, page = show([garment(f"r{i}") for i in range(30)], tmp_path, limit=10)
    assert sheet.shown == 10
    assert picture.shape[1] <= 1608
    assert picture.shape[0] == 4 * 186 + 8
    assert page.count("<article>") == 10
    assert "The first 10 of 30 rows" in page


def test_nothing_that_a_dataset_says_is_markup(tmp_path):
    rows = [garment(EVIL, caption=EVIL, meta={EVIL: [EVIL]}), None]
    sheet, _, page = show(rows, tmp_path)
    assert "<script" not in page
    assert page.count("&lt;script&gt;") >= 6
    assert "default-src 'none'" in page
    assert not re.search(r'(src|href)="(?!data:)', page)
    assert len(sheet.problems) == 1


def test_a_row_that_cannot_be_read_does_not_hide_the_others(tmp_path):
    sheet, picture, page = show([None, garment("b")], tmp_path)
    assert "is damaged" in sheet.problems[0]
    assert page.count("<img") == 3
    assert (picture[8:100, 8:100, 0] > picture[8:100, 8:100, 1]).any()  # the word in red


def test_equal_rows_give_equal_bytes(tmp_path):
    rows = [garment("a"), garment("b", pattern=False)]
    first, _, _ = show(rows, tmp_path / "one")
    second, _, _ = show(rows, tmp_path / "two")
    assert first.picture.read_bytes() == second.picture.read_bytes()
    assert first.page.read_bytes() == second.page.read_bytes()


@pytest.mark.parametrize(
    ("out", "limit", "message"),
    [("a.jpg", 5, r"ends in \.png"), ("a.png", 0, "--limit 0: give at least 1")],
)
def test_what_cannot_be_is_refused(tmp_path, out, limit, message):
    with pytest.raises(TpgbenchError, match=message):
        write_contact_sheet(Rows([garment("a")]), tmp_path / out, limit=limit)
    assert list(tmp_path.iterdir()) == []


def test_no_row_is_refused(tmp_path):
    with pytest.raises(TpgbenchError, match="has no row to show"):
        show([], tmp_path)


def test_an_endless_split_is_shown_from_its_start(tmp_path):
    sheet = api_datasets.show_dataset(
        "ctp-synth", "train", limit=2, size=64, out=tmp_path / "s.png"
    )
    assert sheet.shown == 2
    assert "of endlessly many rows" in sheet.page.read_text()


def test_the_command_shows_a_folder_of_photos(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mine").mkdir()
    for name in ("a", "b"):
        PIL.Image.new("RGB", (30, 40), "teal").save(tmp_path / "mine" / f"{name}.png")
    with pytest.warns(UserWarning, match="no mask"):
        result = CliRunner().invoke(cli, ["show-dataset", "mine"], standalone_mode=False)
    assert result.return_value == 0
    assert result.output.split() == ["mine-test.png", "mine-test.html"]
    assert (tmp_path / "mine-test.png").is_file()


def test_the_command_names_rows_that_cannot_be_read(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mine").mkdir()
    PIL.Image.new("RGB", (30, 40), "teal").save(tmp_path / "mine" / "a.png")
    (tmp_path / "mine" / "b.png").write_text("no picture")
    with pytest.warns(UserWarning, match="no mask"):
        result = CliRunner().invoke(cli, ["show-dataset", "mine"], standalone_mode=False)
    assert result.return_value == 1
    assert "1 of 2 rows cannot be read; b.png: cannot be read" in result.stderr
