"""Archives: what is unpacked, what is refused, and that no damage is anything but a clear error."""

from __future__ import annotations

import contextlib
import gzip
import io
import stat
import struct
import tarfile
import tempfile
import warnings
import zipfile
from pathlib import Path

import pytest
from folders import tree
from hypothesis import given, settings
from hypothesis import strategies as st
from tpgbench.core.errors import TpgbenchError
from tpgbench.datasets_builders.packaging import archives
from tpgbench.datasets_builders.packaging.archives import single_folder, unpack

FILES = {"set/cloth/A.jpg": b"a" * 3000, "set/cloth/é 蓝.jpg": b"b" * 512, "set/test.txt": b""}


def zip_bytes(members, method=zipfile.ZIP_DEFLATED):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", method) as archive:
        for name, data in members:
            archive.writestr(name, data)
    return buffer.getvalue()


def tar_bytes(members, mode="w"):
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode=mode) as archive:
        for info, data in members:
            member = tarfile.TarInfo(info) if isinstance(info, str) else info
            member.size = len(data)
            archive.addfile(member, io.BytesIO(data))
    return buffer.getvalue()


def special(name, kind, target=""):
    info = tarfile.TarInfo(name)
    info.type, info.linkname = kind, target
    return info


def zip_link(name):
    info = zipfile.ZipInfo(name)
    info.create_system = 3
    info.external_attr = (stat.S_IFLNK | 0o777) << 16
    return info


def write(folder, name, data):
    path = folder / name
    path.write_bytes(data)
    return path


@pytest.fixture
def into(tmp_path):
    folder = tmp_path / "into"
    folder.mkdir()
    return folder


PACKERS = {
    "a.zip": lambda: zip_bytes(FILES.items()),
    "b.ZIP": lambda: zip_bytes(FILES.items(), zipfile.ZIP_STORED),
    "c.tar": lambda: tar_bytes(FILES.items()),
    "d.tar.gz": lambda: tar_bytes(FILES.items(), "w:gz"),
    "e.tgz": lambda: tar_bytes(FILES.items(), "w:gz"),
    "plain under a zipped name.tar.gz": lambda: tar_bytes(FILES.items()),
}


@pytest.mark.parametrize("name", PACKERS)
def test_every_kind_is_unpacked(tmp_path, into, name):
    unpack(write(tmp_path, name, PACKERS[name]()), into)
    assert tree(into) == FILES
    assert single_folder(into) == into / "set"


def test_what_mac_os_adds_is_passed_over(tmp_path, into):
    members = [*FILES.items(), ("__MACOSX/set/._A.jpg", b"x")]
    unpack(write(tmp_path, "a.zip", zip_bytes(members)), into)
    assert tree(into) == FILES


def test_files_beside_the_folder_keep_it_from_being_the_only_one(tmp_path, into):
    unpack(write(tmp_path, "a.zip", zip_bytes([*FILES.items(), ("notes.txt", b"x")])), into)
    assert single_folder(into) == into


WRONG_NAMES = {
    "../x": "leads out",
    "a/../../x": "leads out",
    "/etc/x": "leads out",
    "C:/x": "leads out",
    "C:x": "leads out",
    "a\\..\\x": "backslash",
    "a\\x": "backslash",
}


@pytest.mark.parametrize("kind", ["zip", "tar"])
@pytest.mark.parametrize("name", WRONG_NAMES)
def test_names_that_lead_out_are_refused(tmp_path, into, name, kind):
    data = zip_bytes([(name, b"x")]) if kind == "zip" else tar_bytes([(name, b"x")])
    with pytest.raises(TpgbenchError, match=WRONG_NAMES[name]) as caught:
        unpack(write(tmp_path, f"a.{kind}", data), into)
    assert repr(name) in str(caught.value)
    assert {path.name for path in tmp_path.iterdir()} == {"into", f"a.{kind}"}
    assert tree(into) == {}


@pytest.mark.parametrize("kind", ["zip", "tar"])
@pytest.mark.parametrize(
    "names", [("a/x.jpg", "a/X.JPG"), ("x", "x"), ("./x", "x"), ("é", "e\u0301"), ("a", "A")]
)
def test_two_files_of_one_name_are_refused(tmp_path, into, names, kind):
    members = [(name, b"x") for name in names]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # zipfile's own, on equal names
        data = zip_bytes(members) if kind == "zip" else tar_bytes(members)
    with pytest.raises(TpgbenchError, match="is in it twice, or differs from another"):
        unpack(write(tmp_path, f"a.{kind}", data), into)


@pytest.mark.parametrize("kind", ["zip", "tar"])
def test_a_file_that_is_a_folder_too_is_refused(tmp_path, into, kind):
    members = [("a", b"x"), ("a/b", b"x")]
    data = zip_bytes(members) if kind == "zip" else tar_bytes(members)
    with pytest.raises(TpgbenchError, match="'a/b' cannot be unpacked"):
        unpack(write(tmp_path, f"a.{kind}", data), into)


@pytest.mark.parametrize(
    ("info", "word"),
    [
        (special("x", tarfile.SYMTYPE, "/etc/passwd"), "link"),
        (special("x", tarfile.LNKTYPE, "y"), "link"),
        (special("x", tarfile.CHRTYPE), "device"),
        (special("x", tarfile.BLKTYPE), "device"),
        (special("x", tarfile.FIFOTYPE), "device"),
        (special("x", tarfile.CONTTYPE), None),
        (special("x", b"Z"), "device"),
    ],
)
def test_tar_members_that_are_no_files_are_refused(tmp_path, into, info, word):
    path = write(tmp_path, "a.tar", tar_bytes([(info, b"")]))
    if word is None:
        unpack(path, into)
        assert tree(into) == {"x": b""}
    else:
        with pytest.raises(TpgbenchError, match=f"'x' is a {word}"):
            unpack(path, into)
        assert tree(into) == {}


def test_a_link_in_a_zip_is_refused(tmp_path, into):
    path = write(tmp_path, "a.zip", zip_bytes([(zip_link("x"), "/etc/passwd")]))
    with pytest.raises(TpgbenchError, match="'x' is a link"):
        unpack(path, into)


def test_a_nul_in_a_zip_name_is_refused(tmp_path, into):
    data = zip_bytes([("a_b", b"x")]).replace(b"a_b", b"a\0b")
    with pytest.raises(TpgbenchError, match="NUL"):
        unpack(write(tmp_path, "a.zip", data), into)


def test_an_encrypted_zip_is_refused(tmp_path, into):
    data = bytearray(zip_bytes([("x", b"x")]))
    directory = data.index(b"PK\1\2")
    struct.pack_into("<H", data, 6, 1)
    struct.pack_into("<H", data, directory + 8, 1)
    with pytest.raises(TpgbenchError, match="'x' is encrypted"):
        unpack(write(tmp_path, "a.zip", bytes(data)), into)


@pytest.mark.parametrize("method", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_methods_that_unpack_without_a_bound_are_refused(tmp_path, into, method):
    path = write(tmp_path, "a.zip", zip_bytes([("x", bytes(10_000))], method))
    with pytest.raises(TpgbenchError, match="another method than deflate"):
        unpack(path, into)


@pytest.mark.parametrize("name", PACKERS)
@pytest.mark.parametrize("part", [0, 0.001, 0.1, 0.3, 0.9, 1])
def test_an_archive_cut_short_is_refused(tmp_path, into, name, part):
    # The zeros at the end of a tar are padding, all but the first block.
    data = PACKERS[name]().rstrip(b"\0")
    end = min(int(len(data) * part), len(data) - 1)
    with pytest.raises(TpgbenchError, match="cut short|cannot be read as an archive") as caught:
        unpack(write(tmp_path, name, data[:end]), into)
    assert "\n" not in str(caught.value)


def test_damage_between_tar_members_is_not_taken_for_the_end(tmp_path, into):
    data = bytearray(tar_bytes(FILES.items()))
    second = data.index(b"set/test.txt")
    data[second] ^= 1
    with pytest.raises(TpgbenchError, match="cut short or damaged"):
        unpack(write(tmp_path, "a.tar", bytes(data)), into)


@pytest.mark.parametrize("kind", ["zip", "tar.gz"])
def test_bombs_are_stopped_early(tmp_path, into, monkeypatch, kind):
    monkeypatch.setattr(archives, "RATIO_FROM", 1 << 20)
    zeros = bytes(8 << 20)
    members = [(f"{index}", zeros) for index in range(4)]
    data = zip_bytes(members) if kind == "zip" else tar_bytes(members, "w:gz")
    with pytest.raises(TpgbenchError, match="200 times its size, as a bomb does"):
        unpack(write(tmp_path, f"a.{kind}", data), into)
    assert sum(map(len, tree(into).values())) <= 12 << 20


def test_an_endless_tail_behind_a_tar_is_stopped(tmp_path, into, monkeypatch):
    monkeypatch.setattr(archives, "RATIO_FROM", 1 << 20)
    data = gzip.compress(tar_bytes([("x", b"x")]) + bytes(32 << 20))
    with pytest.raises(TpgbenchError, match="as a bomb does"):
        unpack(write(tmp_path, "a.tgz", data), into)


@pytest.mark.parametrize(
    "limit",
    [
        ("MAX_MEMBERS", 2, "more than 2 members"),
        ("MAX_TOTAL_BYTES", 2000, "more than 2,000 bytes"),
        ("MAX_FILE_BYTES", 2000, "is larger than 2,000 bytes"),
    ],
)
@pytest.mark.parametrize("name", ["a.zip", "c.tar", "d.tar.gz"])
def test_limits_hold(tmp_path, into, monkeypatch, name, limit):
    constant, value, message = limit
    monkeypatch.setattr(archives, constant, value)
    with pytest.raises(TpgbenchError, match=message):
        unpack(write(tmp_path, name, PACKERS[name]()), into)


def test_a_header_that_claims_gigabytes_is_not_read(tmp_path, into, monkeypatch):
    monkeypatch.setattr(archives, "MAX_HEADER_BYTES", 1 << 16)
    header = special("x", tarfile.XHDTYPE)
    path = write(tmp_path, "a.tar", tar_bytes([(header, bytes(1 << 17)), ("y", b"")]))
    with pytest.raises(TpgbenchError, match="states a header of 131,072 bytes"):
        unpack(path, into)


def test_a_full_disk_is_told_as_such(tmp_path, into, monkeypatch):
    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(archives._Unpacking, "_copy", full)
    with pytest.raises(TpgbenchError, match="No space left on device; free disk space"):
        unpack(write(tmp_path, "a.zip", PACKERS["a.zip"]()), into)


ORIGINALS = {
    "a.zip": zip_bytes(FILES.items()),
    "a.tar": tar_bytes(FILES.items()),
    "pax.tar": tar_bytes([("x" * 300, b"1"), ("é" * 80, b"2")]),
    "a.tgz": tar_bytes(FILES.items(), "w:gz"),
}


@given(data=st.data())
@settings(max_examples=400, deadline=None)
def test_no_mutation_gives_anything_but_files_or_a_clear_error(data):
    name = data.draw(st.sampled_from(sorted(ORIGINALS)))
    mutated = bytearray(ORIGINALS[name])
    for _ in range(data.draw(st.integers(1, 6))):
        at = data.draw(st.integers(0, len(mutated) - 1))
        mutated[at] = data.draw(st.integers(0, 255))
    cut = data.draw(st.integers(0, 200))
    inserted = data.draw(st.binary(max_size=40))
    at = data.draw(st.integers(0, len(mutated)))
    mutated[at : at + cut] = inserted
    with tempfile.TemporaryDirectory() as folder:
        outside = Path(folder) / "outside"
        into = outside / "into"
        into.mkdir(parents=True)
        path = write(Path(folder), name, bytes(mutated))
        with contextlib.suppress(TpgbenchError):
            unpack(path, into)
        assert [entry.name for entry in outside.iterdir()] == ["into"]
        assert {entry.name for entry in Path(folder).iterdir()} == {"outside", name}
