"""Opening datasets: by name, from Parquet that we or others wrote, and what is refused."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor

import datasets
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from folders import edit_info
from pictures import mask, noise, save
from tpgbench.core import files
from tpgbench.core.errors import TpgbenchError, UnknownNameError
from tpgbench.core.images import png_bytes
from tpgbench.datasets_builders.ctp_hd import CtpHd
from tpgbench.datasets_builders.load import open_dataset
from tpgbench.datasets_builders.reading import shards
from tpgbench.datasets_builders.reading.folder import PhotoFolder
from tpgbench.datasets_builders.reading.parquet import ParquetDataset
from tpgbench.datasets_builders.reading.schema import TPG_SCHEMA

SIZE = (20, 20)


@pytest.fixture
def source(tmp_path):
    """The owner's folder of six garments, all in test."""
    root = tmp_path / "source"
    for number in range(6):
        save(noise(number, SIZE), root / "cloth" / f"{number}.png")
        save(mask(SIZE, (5, 4, 15, 12)), root / "cloth_mask" / f"{number}.png")
    (root / "test.txt").write_text("\n".join(f"{number}.png" for number in range(6)))
    return root


@pytest.fixture
def built(source, tmp_path, monkeypatch):
    """The same, packaged in three files of two rows."""
    monkeypatch.setattr(shards, "ROW_GROUP_BYTES", 2 * len(png_bytes(noise(0, SIZE))))
    monkeypatch.setattr(shards, "SHARD_BYTES", 1)
    CtpHd().build(source, tmp_path / "built", strict=True)
    assert len(list((tmp_path / "built" / "data").iterdir())) == 3
    return tmp_path / "built"


def image(array):
    return {"bytes": png_bytes(array), "path": None}


def record(sample_id, **changes):
    return {
        "sample_id": sample_id,
        "garment": image(noise(1, SIZE)),
        "mask": image(np.ones(SIZE, dtype=np.bool_)),
        "pattern": None,
        "garment_id": sample_id,
        "caption": None,
        "meta": "{}",
        **changes,
    }


def write(path, records):
    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(pa.Table.from_pylist(records, schema=TPG_SCHEMA.arrow()), path)
    return path


def foreign(records):
    features = datasets.Features.from_arrow_schema(TPG_SCHEMA.arrow())
    return datasets.Dataset.from_list(records, features=features)


# What a name or a folder opens.


def test_a_packaged_folder_opens_as_parquet(built):
    dataset = open_dataset(str(built))
    assert isinstance(dataset.uncached, ParquetDataset)
    assert (dataset.name, dataset.split, dataset.size, len(dataset)) == ("ctp-hd", "test", 512, 6)
    assert dataset.sample_ids(2) == ["0", "1"]
    assert open_dataset(built, size=64).size == 64


def test_a_folder_of_photos_opens_as_such(tmp_path):
    save(noise(0, SIZE), tmp_path / "mine" / "a.png")
    with pytest.warns(UserWarning, match="no mask"):
        assert isinstance(open_dataset(tmp_path / "mine").uncached, PhotoFolder)


def test_a_registered_name_wins_over_a_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    save(noise(0, SIZE), tmp_path / "ctp-hd" / "a.png")
    with pytest.raises(TpgbenchError, match="build-dataset ctp-hd --source DIR --out DIR"):
        open_dataset("ctp-hd")
    with pytest.warns(UserWarning, match="no mask"):
        assert open_dataset("./ctp-hd").sample_ids() == ["a"]


@pytest.mark.parametrize(
    ("name", "error", "message"),
    [
        ("ctp-hb", UnknownNameError, "unknown dataset 'ctp-hb': did you mean 'ctp-hd'"),
        ("no/such", TpgbenchError, "no/such: no such folder"),
        ("./ctp-hb", TpgbenchError, "no such folder"),
        ("file.txt", TpgbenchError, "file.txt: is a file"),
        ("empty", TpgbenchError, "empty: has no photos"),
    ],
)
def test_what_cannot_be_opened_says_why(tmp_path, monkeypatch, name, error, message):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "file.txt").write_text("")
    (tmp_path / "empty").mkdir()
    with pytest.raises(error, match=message):
        open_dataset(name)


def test_the_owner_s_folder_says_how_to_build_it(source):
    with pytest.raises(TpgbenchError, match=f"build-dataset ctp-hd --source {source} --out DIR"):
        open_dataset(source)


def test_an_unknown_split_names_those_there_are(built):
    with pytest.raises(UnknownNameError, match="'tset': did you mean 'test'"):
        open_dataset(built, "tset")
    with pytest.raises(UnknownNameError, match="known: test"):
        open_dataset(built, "train")


# Rows of the packaged folder.


def test_rows_are_read_by_index_in_any_order(built):
    dataset = open_dataset(built)
    for index in (5, 0, 3, 2, 4, 1, 1):
        row = dataset[index]
        assert row.sample_id == row.garment_id == str(index)
        np.testing.assert_array_equal(row.garment, noise(index, SIZE))
        assert row.mask.sum() == 80
        assert (row.pattern, row.caption, row.meta) == (None, None, {})
    assert [row.sample_id for row in dataset] == list("012345")
    for index in (6, -1):
        with pytest.raises(IndexError):
            dataset[index]


def test_threads_get_the_rows_that_they_ask_for(built):
    dataset = open_dataset(built)
    wanted = [int(index) for index in np.random.default_rng(0).integers(0, 6, 300)]
    with ThreadPoolExecutor(8) as pool:
        rows = list(pool.map(dataset.__getitem__, wanted))
    for index, row in zip(wanted, rows, strict=True):
        np.testing.assert_array_equal(row.garment, noise(index, SIZE))


def test_in_order_each_row_group_is_read_once(built, monkeypatch):
    read, groups = pq.ParquetFile.read_row_group, []

    def counting(file, group, **options):
        groups.append((id(file), group))
        return read(file, group, **options)

    dataset = open_dataset(built)
    monkeypatch.setattr(pq.ParquetFile, "read_row_group", counting)
    assert len(list(dataset)) == 6
    assert len(groups) == len(set(groups)) == 3


# Parquet that datasets wrote, without our build.json.


def test_a_file_of_datasets_own_opens(tmp_path):
    rows = [
        record("x"),
        record("y", pattern=image(noise(2, SIZE)), caption="a tee", meta='{"k": [1]}'),
    ]
    foreign(rows).to_parquet(tmp_path / "mine" / "validation.parquet")
    dataset = open_dataset(tmp_path / "mine", "validation")
    assert (dataset.name, dataset.size, dataset.licence) == ("mine", 512, "unknown")
    assert dataset.sample_ids() == ["x", "y"]
    row = dataset[1]
    assert (row.caption, row.meta) == ("a tee", {"k": [1]})
    np.testing.assert_array_equal(row.pattern, noise(2, SIZE))


def test_a_download_from_the_hub_opens(tmp_path):
    for split in ("test", "train"):
        name = f"{split}-00000-of-00001-0123456789abcdef.parquet"
        write(tmp_path / "data" / name, [record(split)])
    assert open_dataset(tmp_path).sample_ids() == ["test"]
    assert open_dataset(tmp_path, "train").sample_ids() == ["train"]


def test_further_columns_do_no_harm(tmp_path):
    dataset = foreign([record("x")]).add_column("person", [1])
    dataset.to_parquet(tmp_path / "test.parquet")
    assert open_dataset(tmp_path)[0].sample_id == "x"


def test_without_a_build_file_the_fingerprint_is_of_the_split_s_files(tmp_path):
    write(tmp_path / "test.parquet", [record("x")])
    before = open_dataset(tmp_path).fingerprint
    write(tmp_path / "train.parquet", [record("y")])
    assert open_dataset(tmp_path).fingerprint == before
    write(tmp_path / "test.parquet", [record("x", caption="other")])
    assert open_dataset(tmp_path).fingerprint != before


# What is damaged or of another kind.


def test_another_task_s_columns_are_named(tmp_path):
    table = pa.table({"sample_id": ["x"], "image": [b""], "caption": ["a"]})
    pq.write_table(table, tmp_path / "test.parquet")
    with pytest.raises(TpgbenchError, match=r"columns garment, mask, pattern, garment_id, meta "):
        open_dataset(tmp_path)


@pytest.mark.parametrize(
    ("column", "value", "message"),
    [("garment", b"bytes", "'garment' is binary, not a photo"), ("meta", 3, "'meta' is int64")],
)
def test_a_column_of_another_type_is_named(tmp_path, column, value, message):
    pq.write_table(
        pa.Table.from_pylist([record("x", **{column: value})]), tmp_path / "test.parquet"
    )
    with pytest.raises(TpgbenchError, match=message):
        open_dataset(tmp_path)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"garment": {"bytes": b"\xff\xd8 not a jpeg", "path": "x.jpg"}}, "x: garment: cannot"),
        ({"mask": {"bytes": b"", "path": None}}, "x: mask: cannot be read as an image"),
        ({"garment": None}, "has no (garment|mask)"),
        ({"pattern": {"bytes": None, "path": "x.jpg"}}, "the pattern is only a path; embed"),
        ({"meta": "{"}, "meta is not JSON"),
        ({"meta": "[]"}, "meta is not a JSON object"),
    ],
)
def test_a_damaged_row_fails_alone(tmp_path, changes, message):
    write(tmp_path / "test.parquet", [record("x", **changes), record("y")])
    dataset = open_dataset(tmp_path)
    with pytest.raises(TpgbenchError, match=message):
        dataset[0]
    assert dataset[1].sample_id == "y"


def test_damaged_pages_are_found_when_they_are_read(tmp_path):
    path = write(tmp_path / "test.parquet", [record("x")])
    chunk = pq.read_metadata(path).row_group(0).column(1)
    assert chunk.path_in_schema == "garment.bytes"
    start = chunk.dictionary_page_offset or chunk.data_page_offset
    data = bytearray(path.read_bytes())
    data[start : start + 8] = b"\xff" * 8
    path.write_bytes(data)
    dataset = open_dataset(tmp_path)
    with pytest.raises(TpgbenchError, match=r"test\.parquet: cannot be read as Parquet"):
        dataset[0]


@pytest.mark.parametrize("ids", [["x", "x"], ["x", None]])
def test_ids_must_be_unique(tmp_path, ids):
    write(tmp_path / "test.parquet", [record(sample_id) for sample_id in ids])
    with pytest.raises(TpgbenchError, match="is empty or used twice"):
        open_dataset(tmp_path)


def drop_shard(folder):
    (folder / "data" / "test-00001-of-00003.parquet").unlink()


def drop_all(folder):
    for path in (folder / "data").iterdir():
        path.unlink()


def cut_shard(folder):
    path = folder / "data" / "test-00002-of-00003.parquet"
    path.write_bytes(path.read_bytes()[:-50])


def swap_shard(folder):
    write(folder / "data" / "test-00002-of-00003.parquet", [record("9")])


def other_rows(folder):
    write(folder / "data" / "test-00002-of-00003.parquet", [record("9"), record("8")])


def other_byte(folder):
    path = folder / "data" / "test-00002-of-00003.parquet"
    data = bytearray(path.read_bytes())
    data[data.index(b"IHDR") + 20] ^= 1
    path.write_bytes(data)


def unlisted_file(folder):
    files = json.loads((folder / "build.json").read_text())["files"]
    kept = {name: file for name, file in files.items() if "00002" not in name}
    edit_info(files=kept)(folder)


def second_shard(folder):
    write(folder / "data" / "test-00002-of-00004.parquet", [record("9")])


def other_columns(folder):
    pq.write_table(pa.table({"a": [1]}), folder / "data" / "test-00002-of-00003.parquet")


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (drop_shard, r"1 of the 3 files of split 'test' are not there \(number 00001 is"),
        (drop_all, "has no Parquet files"),
        (cut_shard, "cannot be read as Parquet"),
        (swap_shard, "has 5 rows where build.json says 6"),
        (other_rows, r"00002-of-00003\.parquet: changed since it was built: build it again, or"),
        (other_byte, r"changed since it was built: .* or remove build\.json"),
        (unlisted_file, "changed since it was built"),
        (second_shard, "are both part 2 of split 'test'"),
        (other_columns, "has other columns than"),
        (
            lambda folder: (folder / "build.json").write_text("{"),
            r"build\.json: is damaged \(invalid JSON",
        ),
        (edit_info(default_size="big"), r"build\.json: is damaged \(default_size: "),
        (
            edit_info(default_size=10**9),
            r"is damaged \(default_size: .*less than or equal to 16384",
        ),
        (edit_info(default_size=-1), r"is damaged \(default_size: .*greater than or equal to 16"),
        (
            edit_info(configs={"default": {"test": {"rows": 6, "published": 2032}}}),
            r"is damaged \(configs\.default\.test: published is neither null nor the number",
        ),
        (
            edit_info(configs={"default": {"test": {"rows": 6, "unlabelled": 10**18}}}),
            r"is damaged \(configs\.default\.test: there are more unlabelled rows than rows",
        ),
        (edit_info(task="mannequin"), "is no dataset of the task 'mannequin': it lacks"),
        (edit_info(schema_version=2, new=1), "schema version 2, .* up to 1; upgrade tpgbench"),
    ],
)
def test_a_damaged_folder_is_refused(built, spoil, message):
    spoil(built)
    with pytest.raises(TpgbenchError, match=message) as caught:
        open_dataset(built)
    assert "\n" not in str(caught.value)


def test_a_file_that_changes_after_it_was_hashed_is_hashed_again(built):
    open_dataset(built)
    other_byte(built)
    with pytest.raises(TpgbenchError, match="changed since it was built"):
        open_dataset(built)


def test_a_file_is_hashed_once_as_long_as_it_is_the_same(built, monkeypatch):
    open_dataset(built)
    monkeypatch.setattr(files, "sha256_file", lambda path: pytest.fail(f"{path} again"))
    open_dataset(built)


def test_a_changed_dataset_without_its_build_json_is_another_dataset(built):
    first = open_dataset(built).fingerprint
    (built / "build.json").unlink()
    second = open_dataset(built).fingerprint
    other_rows(built)
    assert len({first, second, open_dataset(built).fingerprint}) == 3


@pytest.mark.parametrize("group", [False, True], ids=["file", "row group"])
def test_a_file_that_states_more_rows_than_it_holds_is_refused(tmp_path, group):
    path = tmp_path / "x.parquet"
    pq.write_table(pa.table({"sample_id": [f"r{number}" for number in range(6)]}), path)
    data = path.read_bytes()
    for place in range(len(data) - int.from_bytes(data[-8:-4], "little") - 8, len(data) - 8):
        if data[place] != 2 * 6:  # how Thrift writes 6
            continue
        path.write_bytes(data[:place] + bytes([2 * 7]) + data[place + 1 :])
        try:
            footer = pq.ParquetFile(path).metadata
            stated = footer.row_group(0).num_rows if group else footer.num_rows
        except (OSError, pa.ArrowException):
            continue
        if stated == 7:
            break
    else:
        pytest.fail("nothing was changed")
    with pytest.raises(TpgbenchError, match=r"parquet: states 7 rows and holds 6; copy or build"):
        shards.ShardReader([path]).column("sample_id")


def test_a_split_whose_files_are_gone_is_no_unknown_split(built):
    edit_info(configs={"default": {"test": {"rows": 6}, "train": {"rows": 2}}})(built)
    with pytest.raises(TpgbenchError, match="has no files of split 'train'"):
        open_dataset(built, "train")


def test_a_part_of_a_packaged_dataset_is_not_read_as_another_dataset(tmp_path):
    write(tmp_path / "built" / "data" / "test.parquet", [])
    (tmp_path / "built" / "build.json").write_text("{}")
    with pytest.raises(TpgbenchError, match="is a part of the packaged dataset .*built, whose"):
        open_dataset(tmp_path / "built" / "data")
