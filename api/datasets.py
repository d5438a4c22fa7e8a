"""The Python API of datasets: open, package, verify and show them."""

from __future__ import annotations

from pathlib import Path

from ..core.errors import TpgbenchError
from ..core.files import given_path
from ..datasets_builders.base import DATASETS, Dataset
from ..datasets_builders.load import open_dataset
from ..datasets_builders.masks.find import GIVEN
from ..datasets_builders.masks.make_masks import MasksOutcome
from ..datasets_builders.masks.make_masks import make_masks as write_masks
from ..datasets_builders.packaging.build import PackagedDataset
from ..datasets_builders.packaging.hub_datasets import check_push, push
from ..datasets_builders.packaging.procedural import build_procedural
from ..datasets_builders.packaging.verify import Verification, verify
from ..datasets_builders.reading.contact_sheet import ContactSheet, write_contact_sheet
from ..datasets_builders.reading.findings import BuildReport


def load_dataset(
    name_or_folder: str | Path,
    split: str = "test",
    *,
    config: str | None = None,
    size: int | None = None,
    seed: int = 0,
    masks: str = GIVEN,
) -> Dataset:
    """Open one split of a registered dataset, a built one, or a folder of photos.

    Args:
        name_or_folder: ``"ctp-synth"``, or a folder.
        split: The split.
        config: Which of a packaged dataset's configurations; None for its default one.
        size: Side of the rendered pattern, for a procedural dataset.
        seed: Another seed is another dataset, for a procedural one.
        masks: What makes the masks that a folder of photos lacks: ``"auto"`` finds what stands out
            from a plain background; or the folder or hub id of a segmentation model.

    Raises:
        TpgbenchError: Unknown name, folder or split.

    Examples:
        >>> dataset = load_dataset("ctp-synth", "validation", size=64)
        >>> len(dataset.sample_ids())
        200
        >>> dataset[0].pattern.shape
        (64, 64, 3)
    """
    return open_dataset(name_or_folder, split, config=config, size=size, seed=seed, masks=masks)


def build_dataset(
    name: str,
    *,
    source: str | Path | None = None,
    out: str | Path,
    size: int | None = None,
    train_rows: int = 0,
    workers: int = 1,
    strict: bool = False,
    push_to_hub: str | None = None,
    show_progress: bool = False,
) -> BuildReport:
    """Package a dataset as Parquet that plain ``datasets.load_dataset`` reads.

    Args:
        name: A registered dataset: ``"ctp-hd"``, ``"ctp-synth"``.
        source: The owner's folder or archive (or a Hub id, where the dataset allows it). A
            procedural dataset has none.
        out: The folder to make; it appears only when it is complete.
        size: Reduce images whose longer side is longer to this many pixels; for a procedural
            dataset, the side at which it is rendered.
        train_rows: For a procedural dataset: how many rows of its endless ``train`` to write.
        workers: Processes that read, check and encode. The result does not depend on it.
        strict: Refuse on any finding instead of leaving rows out.
        push_to_hub: Publish the folder as this private Hub dataset, ``"OWNER/NAME"``.
        show_progress: Show progress on stderr.

    Raises:
        TpgbenchError: Wrong source, or a finding under ``strict``; nothing is written then. Or it
            cannot be published.

    Examples:
        >>> report = build_dataset("ctp-synth", out="data/ctp-synth", size=64, train_rows=2)
        >>> report.rows["train"], report.rows["test"]
        (2, 200)
    """
    builder = DATASETS.get(name)()
    if source is not None:
        given_path(source, "source")
    if push_to_hub is not None:
        check_push(push_to_hub)  # before hours of building
    if isinstance(builder, PackagedDataset):
        if train_rows:
            raise TpgbenchError(f"{name}: --train-rows is for procedural datasets; leave it out")
        report = builder.build(
            source,
            given_path(out, "out"),
            size=size,
            workers=workers,
            strict=strict,
            show_progress=show_progress,
        )
    elif source is not None:
        raise TpgbenchError(f"{name} is procedural and has no source files: leave --source out")
    else:
        report = build_procedural(
            builder,
            given_path(out, "out"),
            size=size,
            train_rows=train_rows,
            workers=workers,
            show_progress=show_progress,
        )
    if push_to_hub is not None:
        push(report.out, push_to_hub)
    return report


def verify_dataset(
    folder: str | Path, *, source: str | Path | None = None, show_progress: bool = False
) -> Verification:
    """Hold a packaged dataset against its own ``build.json`` and manifest.

    Args:
        folder: The dataset's folder.
        source: Its owner's folder or archive, to hold against the manifest too.
        show_progress: Show progress on stderr.

    Raises:
        TpgbenchError: Not a packaged dataset.

    Examples:
        >>> verify_dataset("data/ctp-synth").differences
        ()
    """
    given = source and given_path(source, "source")
    return verify(given_path(folder, "folder"), given, show_progress=show_progress)


def make_masks(
    photos: str | Path,
    *,
    out: str | Path | None = None,
    masks: str = "auto",
    show_progress: bool = False,
) -> MasksOutcome:
    """Write masks for photos that have none, and a contact sheet to look at them.

    Args:
        photos: A folder of photos.
        out: The folder to make; by default ``mask/`` among the photos, where runs find it.
        masks: ``"auto"`` finds what stands out from a plain background; or the folder or hub id of
            a segmentation model.
        show_progress: Show progress on stderr.

    Raises:
        TpgbenchError: No photo without a mask, or the folder is there already.
    """
    folder = None if out is None else given_path(out, "out")
    return write_masks(
        given_path(photos, "photos"), folder, masks=masks, show_progress=show_progress
    )


def show_dataset(
    name_or_folder: str | Path,
    split: str = "test",
    *,
    config: str | None = None,
    limit: int = 48,
    size: int | None = None,
    seed: int = 0,
    masks: str = GIVEN,
    out: str | Path | None = None,
) -> ContactSheet:
    """Show the first rows of a dataset as a picture and a page.

    Args:
        name_or_folder: As in `load_dataset`, like ``split``, ``config``, ``size`` and ``seed``.
        split: The split.
        config: The configuration; None for the default one.
        limit: How many rows.
        size: Side of the rendered pattern, for a procedural dataset.
        seed: Another seed is another dataset, for a procedural one.
        masks: As in `load_dataset`.
        out: The picture, ``.png``; the page has its name. By default they are named after
            dataset and split, in the working folder.

    Raises:
        TpgbenchError: Unknown dataset, or a file that cannot be written.

    Examples:
        >>> sheet = show_dataset("ctp-synth", limit=4, size=64, out="sheet.png")
    """
    dataset = open_dataset(name_or_folder, split, config=config, size=size, seed=seed, masks=masks)
    picture = Path(f"{dataset.name}-{split}.png") if out is None else given_path(out, "out")
    return write_contact_sheet(dataset, picture, limit=limit)
