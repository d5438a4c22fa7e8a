from __future__ import annotations

from pathlib import Path

import pytest
from tpgbench.core.places import command_without_places, place_name, without_places


@pytest.mark.parametrize(
    ("text", "shared"),
    [
        ("/data/me/photos/a.png: cannot be read", "path/to/a.png: cannot be read"),
        ("put it into '/opt/my weights'", "put it into 'path/to/my weights'"),
        ("(/a/b/c)", "(path/to/c)"),
        ("--out=/a/b/c", "--out=path/to/c"),
        ("the folder /a/b/", "the folder path/to"),
        ("file:///a/b/c.pt: no such file", "path/to/c.pt: no such file"),
        (r"C:\Users\me\a.png is damaged", "path/to/a.png is damaged"),
        ("C:/Users/me/a.png is damaged", "path/to/a.png is damaged"),
        (r"\\server\share\a.png", "path/to/a.png"),
        ("/a/b/c and /a/b/d", "path/to/c and path/to/d"),
    ],
)
def test_an_absolute_path_is_shared_by_its_name(text, shared):
    assert without_places(text) == shared


@pytest.mark.parametrize(
    "text",
    [
        "",
        "https://github.com/owner/repository/file.pth",
        "openai/clip-vit-large-patch14",
        "runs/mine and ../data/photos and ./here/x and ~/there/y",
        "black / white, red /blue, 24/7",
        "ssim|reach:1/4|reference:known+truth|read:srgb-3",
        "ratio: 3:4",
        "a </b> b",
    ],
)
def test_what_is_no_absolute_path_stays(text):
    assert without_places(text) == text


def test_a_home_and_a_working_folder_with_spaces_go_as_a_whole(monkeypatch, tmp_path):
    home, here = tmp_path / "Jane Doe, R&D", tmp_path / "my work (new)"
    here.mkdir()
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.chdir(here)
    text = f"{home}/photos/a.png is not {here}/a.png"
    assert without_places(text) == "path/to/a.png is not path/to/a.png"


def test_a_user_without_a_home_is_no_error(monkeypatch):
    def none():
        raise RuntimeError("no home")

    monkeypatch.setattr(Path, "home", none)
    assert without_places("/a/b/c") == "path/to/c"


def test_the_words_of_a_command():
    words = ["tpgbench", "run", "--dataset", "/data/my photos", "--out=/a/b", "-o", "base=/c/d e"]
    shared = command_without_places(words)
    assert shared == (
        "tpgbench run --dataset 'path/to/my photos' --out=path/to/b -o 'base=path/to/d e'"
    )
    assert place_name("data/ctp-hd") == "data/ctp-hd"
    assert place_name("/") == "path/to"
