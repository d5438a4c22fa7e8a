"""A folder is whole or not there, at whatever point the process that makes it is killed."""

from __future__ import annotations

import multiprocessing
import os
import signal
import time

import pytest
from tpgbench.core.errors import TpgbenchError
from tpgbench.core.folders import new_folder, recover, replaced_folder

# All that can change what is on the disk; so all states in which a kill can leave it.
STEPS = ("mkdir", "rename", "unlink", "rmdir", "fsync")
OLD, NEW, NEXT = (dict.fromkeys("ab", text) for text in ("old", "new", "next"))


def fill(folder, content):
    for name, text in content.items():
        (folder / "sub").mkdir(exist_ok=True)
        (folder / "sub" / name).write_text(text)


def content_of(folder):
    return {path.name: path.read_text() for path in (folder / "sub").iterdir()}


def replace(folder, content):
    with replaced_folder(folder) as staging:
        fill(staging, content)


def make(folder, content):
    with new_folder(folder) as staging:
        fill(staging.folder, content)
        fill(staging.scratch, content)


def killed_before_step(number, work, *arguments, steps=STEPS):
    """Do the work in a child that kills itself before a step; return whether it was killed."""
    child = os.fork()
    if child == 0:
        done = 0

        def counted(real):
            def call(*args, **given):
                nonlocal done
                done += 1
                if done == number:
                    os.kill(os.getpid(), signal.SIGKILL)
                return real(*args, **given)

            return call

        for name in steps:
            setattr(os, name, counted(getattr(os, name)))
        try:
            work(*arguments)
        except BaseException:
            os._exit(1)
        os._exit(0)
    _, status = os.waitpid(child, 0)
    if os.WIFSIGNALED(status):
        assert os.WTERMSIG(status) == signal.SIGKILL
        return True
    assert os.WEXITSTATUS(status) == 0
    return False


def states_after_kills(tmp_path, prepare, work):
    """Yield a folder of its own for each point at which the work can be killed."""
    for number in range(1, 200):
        home = tmp_path / str(number)
        home.mkdir()
        prepare(home)
        if not killed_before_step(number, work, home):
            assert number > 3
            return
        yield home
    pytest.fail("it does not end")


@pytest.mark.parametrize("then", ["recover", "make it again"])
def test_a_killed_replacement_leaves_the_old_content_or_the_new(tmp_path, then):
    found, missing = [], 0
    states = states_after_kills(
        tmp_path,
        prepare=lambda home: fill_new(home / "out", OLD),
        work=lambda home: replace(home / "out", NEW),
    )
    for home in states:
        missing += not (home / "out").exists()
        if then == "recover":
            recover(home / "out")
            found.append(content_of(home / "out"))
        replace(home / "out", NEXT)
        assert content_of(home / "out") == NEXT
        assert [path.name for path in home.iterdir()] == ["out"]
    assert missing >= 1  # the moment between the two renames was among them
    if then == "recover":
        assert all(content in (OLD, NEW) for content in found)
        assert OLD in found
        assert NEW in found


def fill_new(folder, content):
    folder.mkdir()
    fill(folder, content)


def kill_between_renames(home):
    fill_new(home / "out", OLD)
    assert killed_before_step(2, replace, home / "out", NEW, steps=("rename",))
    assert not (home / "out").exists()


def test_a_killed_recovery_can_be_done_again(tmp_path):
    states = states_after_kills(
        tmp_path, prepare=kill_between_renames, work=lambda home: recover(home / "out")
    )
    for home in states:
        recover(home / "out")
        assert content_of(home / "out") == OLD


def test_what_was_replaced_does_not_come_back_half_deleted(tmp_path):
    states = states_after_kills(
        tmp_path,
        prepare=lambda home: fill_new(home / "out", OLD),
        work=lambda home: replace(home / "out", NEW),
    )
    for home in states:
        if (home / "out").exists():
            (home / "out").rename(home / "elsewhere")
        recover(home / "out")
        assert not (home / "out").exists() or content_of(home / "out") == OLD


def test_a_killed_making_leaves_the_whole_folder_or_none(tmp_path):
    made = 0
    states = states_after_kills(
        tmp_path,
        prepare=lambda home: None,
        work=lambda home: make(home / "deep" / "out", NEW),
    )
    for home in states:
        out = home / "deep" / "out"
        recover(out)
        if out.exists():
            made += 1
            assert content_of(out) == NEW
            continue
        make(out, NEXT)
        assert content_of(out) == NEXT
    assert made >= 1


def test_a_replacement_is_found_also_after_all_was_moved(tmp_path):
    home = tmp_path / "home"
    home.mkdir()
    kill_between_renames(home)
    home.rename(tmp_path / "moved")
    recover(tmp_path / "moved" / "out")
    assert content_of(tmp_path / "moved" / "out") == OLD


def test_a_replacement_that_fails_changes_nothing(tmp_path):
    fill_new(tmp_path / "out", OLD)
    with pytest.raises(AttributeError):
        replace(tmp_path / "out", None)
    assert content_of(tmp_path / "out") == OLD
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


def test_a_disk_that_refuses_the_second_rename_gives_the_old_folder_back(tmp_path, monkeypatch):
    fill_new(tmp_path / "out", OLD)
    rename, calls = os.rename, []

    def second_fails(*arguments, **given):
        calls.append(arguments)
        if len(calls) == 2:
            raise OSError(28, "No space left on device")
        return rename(*arguments, **given)

    monkeypatch.setattr(os, "rename", second_fails)
    with pytest.raises(TpgbenchError, match=r"cannot write .*out: No space left .* as it was"):
        replace(tmp_path / "out", NEW)
    assert content_of(tmp_path / "out") == OLD
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


def test_a_link_stays_a_link(tmp_path):
    fill_new(tmp_path / "real", OLD)
    (tmp_path / "link").symlink_to("real")
    replace(tmp_path / "link", NEW)
    assert (tmp_path / "link").is_symlink()
    assert content_of(tmp_path / "real") == NEW


def test_two_do_not_replace_one_folder(tmp_path):
    with replaced_folder(tmp_path / "out") as staging:
        fill(staging, NEW)
        with (
            pytest.raises(TpgbenchError, match="another process is making it"),
            replaced_folder(tmp_path / "out"),
        ):
            pytest.fail("two at once")
    assert content_of(tmp_path / "out") == NEW


def test_a_full_folder_is_not_made_anew(tmp_path):
    fill_new(tmp_path / "out", OLD)
    with pytest.raises(TpgbenchError, match="is there already"), new_folder(tmp_path / "out"):
        pytest.fail("made")
    with (
        pytest.raises(TpgbenchError, match="lies in the source"),
        new_folder(tmp_path / "out" / "new", outside=tmp_path / "out"),
    ):
        pytest.fail("made")


def test_recovering_and_replacing_at_once_disturb_neither(tmp_path):
    fill_new(tmp_path / "out", OLD)
    context = multiprocessing.get_context("fork")
    writer = context.Process(target=_replace_often, args=(tmp_path / "out",))
    writer.start()
    try:
        seen = 0
        until = time.monotonic() + 30
        while writer.is_alive() and time.monotonic() < until:
            recover(tmp_path / "out")
            seen += 1
    finally:
        writer.join(30)
    assert writer.exitcode == 0
    assert seen
    assert content_of(tmp_path / "out") == dict.fromkeys("ab", "49")


def _replace_often(folder):
    for number in range(50):
        replace(folder, dict.fromkeys("ab", str(number)))
