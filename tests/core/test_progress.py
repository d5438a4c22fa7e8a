"""What is shown of a stage: lines in a file, one bar on a terminal."""

from __future__ import annotations

import io
import sys
import time

import pytest
from rich.console import Console
from tpgbench.core import progress as module
from tpgbench.core.progress import Display, duration, progress


def every_call(monkeypatch):
    monkeypatch.setattr(module, "_SECONDS_BETWEEN_LINES", 0.0)


def terminal():
    return Console(file=io.StringIO(), force_terminal=True, width=120)


def test_lines_tell_count_speed_and_time_left(capsys, monkeypatch):
    every_call(monkeypatch)
    with progress("generate", 4, done=1) as advance:
        time.sleep(0.1)
        advance(1)
        advance(2)
    out, lines = capsys.readouterr()
    assert out == ""
    first, last = lines.splitlines()
    name, speed, left = first.split(", ")
    assert name == "generate 2/4"
    assert speed.endswith(" images/s")
    assert 0 < float(speed.split()[0]) <= 10  # the one that was done before does not count
    assert left == "0:00:00 left"
    assert last.startswith("generate 4/4, ")


def test_there_is_a_line_now_and_then_and_a_last_one(capsys):
    with progress("score", 1000) as advance:
        for _ in range(1000):
            advance(1)
    assert capsys.readouterr().err.count("\n") == 1


def test_nothing_is_told_of_the_end_of_what_failed(capsys):
    with pytest.raises(KeyError), progress("score", 2) as advance:
        raise KeyError(advance(1))
    assert capsys.readouterr().err == ""


def test_an_unknown_total_has_no_time_left(capsys):
    with progress("build", None, unit="rows") as advance:
        advance(3)
    assert capsys.readouterr().err.startswith("build 3, ")


def test_bytes_are_shown_as_megabytes(capsys):
    with progress("download", 2_500_000, unit="MB", scale=1_000_000) as advance:
        advance(2_500_000)
    line = capsys.readouterr().err
    assert line.startswith("download 2.5/2.5, ")
    assert " MB/s, 0:00:00 left" in line


def test_silence(capsys):
    with progress("score", 1, show=False) as advance:
        advance(1)
    assert capsys.readouterr() == ("", "")


def test_what_forces_colours_draws_no_bar_into_a_file(capsys, monkeypatch):
    monkeypatch.setenv("FORCE_COLOR", "1")
    with progress("score", 1) as advance:
        advance(1)
    assert "\x1b" not in capsys.readouterr().err


def test_a_terminal_has_a_bar(monkeypatch):
    stream = io.StringIO()
    stream.isatty = lambda: True
    monkeypatch.setattr(sys, "stderr", stream)
    monkeypatch.setenv("TERM", "xterm")
    with progress("score [x]", 2) as advance:
        advance(2)
    text = stream.getvalue()
    assert "\x1b" in text
    assert "score [x]" in text
    assert "2/2" in text
    assert "images/s" in text


def test_a_download_within_a_bar_writes_lines_above_it():
    console = terminal()
    with Display("score", 2, console=console) as outer:
        with Display("download", 10) as inner:
            inner.show(10, "quick")
        outer.show(2)
    text = console.file.getvalue()
    assert "download 10/10, quick\n" in text
    assert "2/2" in text
    with Display("score", 1, console=console) as alone:  # the terminal is free again
        alone.show(1)
    assert "1/1" in console.file.getvalue()


@pytest.mark.parametrize(
    ("seconds", "text"), [(0.4, "0:00:00"), (80, "0:01:20"), (36_061, "10:01:01")]
)
def test_durations(seconds, text):
    assert duration(seconds) == text
