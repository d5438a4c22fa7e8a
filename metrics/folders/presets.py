"""What well-known try-on repositories report, by the steps of their own evaluation scripts."""

from __future__ import annotations

import io
import tempfile
import warnings
import zipfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import groupby
from pathlib import Path

import PIL.Image

from ...core.errors import UnknownNameError
from ...core.files import given_path
from ...core.images import Image
from ...core.picture_files import split_suffix
from ...metrics import frames
from ..base import Metric, Value, make_metric
from ..moments import MomentMetric
from .compute import FolderResults, measure_tasks, open_tasks
from .image_source import ImageSource, read_images
from .published import published_images, published_split
from .task import FolderTask, is_unpaired


@dataclass(frozen=True)
class Preset:
    """A list of metrics that stands for a repository's evaluation.

    Attributes:
        name: What ``--preset`` and ``tpgbench metrics`` take.
        title: The method and where it was published.
        script: The script that was read, at its commit.
        metrics: Its numbers, as metrics with their variants.
        differences: What is not as in the script, a sentence each.
        prepare_real: Saves the real images as the script does: given the real, the generated and a
            scratch folder it returns where they are. None: they are taken as they are.
        prepare_generated: The same, by metric, for metrics of generated images alone.
    """

    name: str
    title: str
    script: str
    metrics: tuple[str, ...]
    differences: tuple[str, ...]
    prepare_real: Callable[[Path, Path, Path], Path] | None = None
    prepare_generated: Mapping[str, Callable[[Path, Path], Path]] = field(default_factory=dict)


def _at_height_of_outputs(real: Path, generated: Path, folder: Path) -> Path:
    """Save the real images again if the first is not as high as the first output, as CatVTON does.

    All get that output's height by Lanczos and keep their format, at Pillow's default quality.
    """
    truths, outputs = read_images(real), read_images(generated)
    first = outputs.read(0)
    if truths.read(0).shape[0] == first.shape[0]:
        return real
    return _rewrite(truths, folder / "real.zip", lambda truth: frames.catvton(first, truth)[1])


def _at_ladi_size(generated: Path, folder: Path) -> Path:
    """Save the generated images at the size at which LaDI-VTON takes their Inception score."""
    source = read_images(generated)
    return _rewrite(source, folder / "generated.zip", frames.ladi_image, suffix=".png")


_KID_SEED = "KID's subsets are seeded; the script's change from run to run."
_SSIM = (
    "SSIM leaves out the border, as torchmetrics did until version 1.5 and so for the published "
    "numbers; later versions count it, padded by reflection. It is computed in float64; the "
    "script's float32 differs in the fifth decimal."
)
_NAMES = (
    "Pairs are matched by the whole name, or by the person's in PERSON_GARMENT; what has no "
    "partner is an error."
)

PRESETS = {
    preset.name: preset
    for preset in (
        Preset(
            name="ladi",
            title="LaDI-VTON: Morelli, Baldrati, Cartella, Cornia, Bertini, Cucchiara, ACM MM 2023",
            script=(
                "https://github.com/miccunifi/ladi-vton/blob/"
                "78aa9c024b844ee7f85d35ef878f28b72bea0729/src/utils/val_metrics.py"
            ),
            metrics=("fid@clean", "kid@clean", "is@torch-fidelity", "ssim@ladi", "lpips@ladi"),
            differences=(
                "The Inception score's shuffle is seeded; the script's changes from run to run.",
                _KID_SEED,
                _SSIM,
                "FID and KID take whatever the folder of real images holds; the script takes the "
                "test split of VITON-HD or Dress Code.",
            ),
            prepare_generated={"is@torch-fidelity": _at_ladi_size},
        ),
        Preset(
            name="catvton",
            title="CatVTON: Chong, Dong, Li, Zhang, Zhang, Zhang, Zhao, Jiang, Liang, ICLR 2025",
            script=(
                "https://github.com/Zheng-Chong/CatVTON/blob/"
                "3d8b4d6452050600eeedc8eb3b0fb498dcaa1d70/eval.py"
            ),
            metrics=("fid@clean", "kid@clean", "ssim@catvton", "lpips@catvton"),
            differences=(
                "KID is not multiplied by 1,000, as the script's is.",
                _KID_SEED,
                _SSIM,
                "Over two folders the real images are saved again, as the script does, if the "
                "first of each differ in height: the first by name, in the script by chance. In a "
                "run all images have one size, and none is saved again.",
                "The script matches by the eight characters from the first digit of a name. "
                + _NAMES,
            ),
            prepare_real=_at_height_of_outputs,
        ),
        Preset(
            name="hrvton",
            title="HR-VITON: Lee, Gu, Park, Choi and Choo, ECCV 2022",
            script=(
                "https://github.com/sangyun884/HR-VITON/blob/"
                "9cee841777c60db83d8c6735eb03682907c00db4/evaluate.py"
            ),
            metrics=("ssim@hrvton", "mse@hrvton", "lpips@hrvton"),
            differences=(
                "Its Inception score is left out: the script takes torchvision's ImageNet "
                "classifier for it, not the network of all other Inception scores.",
                "FID, which the paper reports, is not in the script, so it is not in the preset.",
                "LPIPS is version 0.1 of the heads, which the script's own copy of that code "
                "loads; that copy is not in the repository's public index and was read in a fork.",
                "The script matches a generated name's part before the first underscore. " + _NAMES,
            ),
        ),
    )
}


def get_preset(name: str) -> Preset:
    """Return a preset.

    Raises:
        UnknownNameError: No such preset.
    """
    if name not in PRESETS:
        raise UnknownNameError("preset", name, PRESETS)
    return PRESETS[name]


def compute_preset(
    name: str,
    real: str | Path,
    generated: str | Path,
    *,
    unpaired: str | Path | None = None,
    weights: str | Path | None = None,
    interval: bool = False,
    published: str | None = None,
) -> list[Value]:
    """Return the numbers of a preset over two folders.

    Args:
        name: ``"ladi"``, ``"catvton"`` or ``"hrvton"``.
        real: A folder or zip file of real images.
        generated: One of generated images, named after the real ones: see `match_names`.
        unpaired: As for `compute_metrics`.
        weights: A folder with the weights.
        interval: Give FID its interval, which takes a while.
        published: As for `compute_metrics`. Sets that all have the number of images of a published
            test split are taken for it.

    Raises:
        TpgbenchError: As `compute_metrics`.

    Warns:
        UserWarning: A metric failed on some images, or has no value.
    """
    results = measure_preset(
        name,
        real,
        generated,
        unpaired=unpaired,
        weights=weights,
        interval=interval,
        published=published,
    )
    for line in (*results.problems, *results.notes):
        warnings.warn(line, stacklevel=2)
    return list(results.values)


def measure_preset(
    name: str,
    real: str | Path,
    generated: str | Path,
    *,
    unpaired: str | Path | None = None,
    weights: str | Path | None = None,
    interval: bool = False,
    published: str | None = None,
) -> FolderResults:
    """Return what `compute_preset` does, with what went wrong.

    Args:
        name: As for `compute_preset`.
        real: As for `compute_preset`.
        generated: As for `compute_preset`.
        unpaired: As for `compute_preset`.
        weights: As for `compute_preset`.
        interval: As for `compute_preset`.
        published: As for `compute_preset`.

    Raises:
        TpgbenchError: As `compute_metrics`.
    """
    preset = get_preset(name)
    folder = None if weights is None else given_path(weights, "weights")
    metrics = [make_metric(metric, folder) for metric in preset.metrics]
    # What cannot be computed is found before the first image is saved again.
    tasks = open_tasks(metrics, [real, generated], unpaired, published)
    notes = [note for task in tasks for note in task.notes]
    if published is None and any(isinstance(metric, MomentMetric) for metric in metrics):
        published = published_split({count for task in tasks for count in task.counts.values()})
        if published is not None:
            notes.append(
                f"{tasks[0].counts['output']:,} images in each set: taken for the complete test "
                f"split {published}, for which fid is ranked"
            )
    for metric in metrics:
        if isinstance(metric, MomentMetric) and published is not None:
            metric.published = published_images(published)
    with tempfile.TemporaryDirectory() as scratch:
        folders = [Path(real), Path(generated), Path(scratch) / "paired"]
        tasks = _prepare(preset, metrics, folders, "")
        if unpaired is not None:
            sets = [metric for metric in metrics if is_unpaired(metric)]
            folders = [Path(real), Path(unpaired), Path(scratch) / "unpaired"]
            tasks += _prepare(preset, sets, folders, "unpaired")
        results = measure_tasks(tasks, interval=interval)
    return replace(results, notes=tuple(dict.fromkeys(notes)))


def _prepare(
    preset: Preset, metrics: Sequence[Metric], folders: Sequence[Path], setting: str
) -> list[FolderTask]:
    """Save images again as the script does; return what is computed of them, in order.

    Args:
        preset: The preset.
        metrics: Its metrics, or those of sets.
        folders: The real images, the generated ones, and where to make a scratch folder.
        setting: As for `FolderTask`.
    """
    real, generated, scratch = folders
    scratch.mkdir()
    if preset.prepare_real is not None:
        real = preset.prepare_real(real, generated, scratch)
    prepared = {key: make(generated, scratch) for key, make in preset.prepare_generated.items()}
    tasks = []
    for apart, group in groupby(metrics, lambda metric: prepared.get(metric.key)):
        paths = [real, generated] if apart is None else [apart]
        tasks.append(FolderTask(list(group), paths, setting))
    return tasks


def _rewrite(
    source: ImageSource, path: Path, change: Callable[[Image], Image], suffix: str | None = None
) -> Path:
    """Save changed images into a new zip file, where no name that they bring can leave it."""
    with zipfile.ZipFile(path, "w") as archive:
        for index, name in enumerate(source.ids):
            ending = suffix or split_suffix(source.name(index))[1] or ".png"
            buffer = io.BytesIO()
            picture = PIL.Image.fromarray(change(source.read(index)))
            picture.save(buffer, format=PIL.Image.registered_extensions()[ending.lower()])
            # With the format's own first date: it has none before 1980, as a wrong clock may say.
            archive.writestr(zipfile.ZipInfo(f"{name}{ending}"), buffer.getvalue())
    return path
