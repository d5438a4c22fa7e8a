"""Any metrics over folders, zip files or files of statistics."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from ...core.errors import TpgbenchError
from ...core.files import given_path
from ...core.options import split_names
from ..base import METRICS, Metric, SetMetric, Value, make_metric
from ..moments import MomentMetric
from ..value import explain_missing
from .published import published_images
from .task import (
    FolderTask,
    check_places,
    fields_needed,
    is_unpaired,
    save_side_statistics,
)


@dataclass(frozen=True)
class FolderResults:
    """What metrics came to over folders.

    Attributes:
        values: One per metric and further output, in the order asked for.
        problems: What went wrong without ending the computation, and why values are missing, a line
            each.
        notes: What else a user should know: what was passed over in the folders, how names were
            read, a line each.
        saved: Whose statistics were written where, in a sentence; empty if none were.
    """

    values: tuple[Value, ...]
    problems: tuple[str, ...]
    notes: tuple[str, ...] = ()
    saved: str = ""


def compute_metric(
    name: str,
    folders: Sequence[str | Path],
    *,
    protocol: str | None = None,
    weights: str | Path | None = None,
    interval: bool = False,
    statistics: str | Path | None = None,
    cache: bool = True,
) -> Value:
    """Return one metric over folders; see `compute_metrics`, which this calls.

    Args:
        name: The metric, built-in or of a plug-in, with a variant if need be: ``"lpips@vgg"``.
        folders: As for `compute_metrics`.
        protocol: As for `compute_metrics`.
        weights: As for `compute_metrics`.
        interval: As for `compute_metrics`.
        statistics: As for `compute_metrics`.
        cache: As for `compute_metrics`.

    Returns:
        The metric's headline value.

    Raises:
        TpgbenchError: As `compute_metrics`.

    Warns:
        UserWarning: The metric failed on some images, got no answer for them, or has no value; or
            something in the folders was passed over.
    """
    results = compute_metrics(
        [name],
        folders,
        protocol=protocol,
        weights=weights,
        interval=interval,
        statistics=statistics,
        cache=cache,
    )
    for line in (*results.problems, *results.notes):
        warnings.warn(line, stacklevel=2)
    return results.values[0]


def compute_metrics(
    names: str | Sequence[str],
    folders: Sequence[str | Path],
    *,
    unpaired: str | Path | None = None,
    protocol: str | None = None,
    weights: str | Path | None = None,
    interval: bool = False,
    statistics: str | Path | None = None,
    published: str | None = None,
    cache: bool = True,
) -> FolderResults:
    """Compute metrics over folders in one pass; each image is decoded once for all of them.

    Everything that can be wrong with the input is looked for before anything is computed: names,
    numbers and sizes of images, weights.

    Args:
        names: The metrics, built-in or of plug-ins, with variants if need be: ``"lpips@vgg"``; one
            text may hold several, separated by commas.
        folders: The real images and the generated ones; the generated ones alone for metrics that
            need no more. Either is a folder, with all folders below it, a zip file, or, for
            unpaired metrics, a ``.npz`` file of statistics. Where pairs matter they are matched as
            `match_names` does. Metrics of garments, masks, captions or meta read them from the
            first folder, laid out as `OwnPhotos` says.
        unpaired: Generated images of persons in garments of others, as many as the generated ones:
            metrics of sets (FID, KID, IS) are computed of these too, as ``"fid:unpaired"``.
        protocol: Another way to write the variant: ``"clean"``.
        weights: A folder to look for weights in first.
        interval: Give FID its interval, which takes a while; metrics per sample always have one.
        statistics: A ``.npz`` file to write the real images' statistics to, to be given in their
            place later; for metrics that can read such a file.
        published: The published test split that every set is, complete: ``"viton-hd"`` (2,032
            images) or ``"viton-hd-clean"`` (1,990). FID is then ranked.
        cache: Keep features in the user's cache, and use what is there.

    Raises:
        TpgbenchError: Unknown name or variant, another number of folders, names without a partner,
            an unreadable image, a pair of two sizes, too few images, not as many as ``published``
            says, or unavailable weights.
    """
    folder = None if weights is None else given_path(weights, "weights")
    names = list(dict.fromkeys(split_names([names] if isinstance(names, str) else names)))
    made = [_make(name, protocol, folder, alone=len(names) == 1) for name in names]
    metrics = list({metric.key: metric for metric in made}.values())
    if not metrics:
        raise TpgbenchError("name at least one metric")
    if protocol and len(metrics) > 1 and all(m.variant_argument != "protocol" for m in metrics):
        raise TpgbenchError(f"--protocol {protocol}: none of {', '.join(names)} has one")
    target = None if statistics is None else given_path(statistics, "statistics")
    _check_options(metrics, interval, target)
    tasks = open_tasks(metrics, folders, unpaired, published)
    results = measure_tasks(tasks, interval=interval, cache=cache)
    if target is None:
        return results
    return replace(results, saved=tasks[0].save_statistics(target))


def measure_tasks(
    tasks: Sequence[FolderTask], *, interval: bool = False, cache: bool = True
) -> FolderResults:
    """Return what tasks come to.

    Args:
        tasks: What was opened and checked.
        interval: As for `compute_metrics`, like ``cache``.
        cache: Keep features.

    Raises:
        TpgbenchError: An image cannot be read.
    """
    for task in tasks:
        task.measure(cache)
    found = [task.result(metric, interval=interval) for task in tasks for metric in task.metrics]
    missing = (value for one in found if not one.problems for value in one.values)
    return FolderResults(
        tuple(value for one in found for value in one.values),
        (*(problem for one in found for problem in one.problems), *explain_missing(missing)),
        tuple(dict.fromkeys(note for task in tasks for note in task.notes)),
    )


def open_tasks(
    metrics: Sequence[Metric],
    folders: Sequence[str | Path],
    unpaired: str | Path | None,
    published: str | None,
) -> list[FolderTask]:
    """Check all input of metrics over folders, and load what they need; no image is decoded.

    Args:
        metrics: The metrics, each with a key of its own.
        folders: As for `compute_metrics`, like ``unpaired`` and ``published``.
        unpaired: Another set of generated images, or None.
        published: The split that every set is, or None.

    Returns:
        What is to be computed: of the generated images, then of the unpaired ones.

    Raises:
        TpgbenchError: As `compute_metrics`.
    """
    paths = _check_folders(metrics, [given_path(one, "a folder of images") for one in folders])
    if published is not None:
        _rank_at(metrics, published)
    tasks = []
    if unpaired is not None:
        tasks.append(_unpaired_task(metrics, paths, given_path(unpaired, "unpaired")))
    tasks.insert(0, FolderTask(metrics, paths))
    counts = [task.counts["output"] for task in tasks if "output" in task.counts]
    if len(set(counts)) > 1:
        raise TpgbenchError(
            f"--unpaired {unpaired}: holds {counts[1]:,} images and {paths[-1]} {counts[0]:,}: "
            "give one for each person of the split"
        )
    for task in tasks:
        if published is not None:
            task.check_published(published)
        task.check_sizes()
    for metric in metrics:
        metric.load()
    return tasks


def _unpaired_task(metrics: Sequence[Metric], paths: Sequence[Path], images: Path) -> FolderTask:
    sets = [metric for metric in metrics if is_unpaired(metric)]
    if not sets:
        raise TpgbenchError(
            f"--unpaired is for metrics of sets, such as fid, and "
            f"{', '.join(metric.key for metric in metrics)} is none: leave it out"
        )
    if images.resolve() == paths[-1].resolve():
        raise TpgbenchError(
            f"--unpaired {images}: is the folder of the paired images: name the other one"
        )
    check_places([paths[-1], images])
    return FolderTask(sets, [*paths[:-1], images], setting="unpaired")


def _rank_at(metrics: Sequence[Metric], published: str) -> None:
    """Tell metrics that are biased for few images that these are a published split."""
    biased = [metric for metric in metrics if isinstance(metric, MomentMetric)]
    images = published_images(published)
    if not biased:
        raise TpgbenchError(
            f"--published {published} decides whether fid is ranked, and "
            f"{', '.join(metric.key for metric in metrics)} always is: leave it out"
        )
    for metric in biased:
        metric.published = images


def _make(text: str, protocol: str | None, folder: Path | None, *, alone: bool) -> Metric:
    name, _, variant = text.partition("@")
    if protocol and variant and protocol != variant:
        raise TpgbenchError(f"{text} with --protocol {protocol}: name one of the two")
    if protocol and not variant and (alone or METRICS.get(name).variant_argument == "protocol"):
        text = f"{name}@{protocol}"
    return make_metric(text, folder)


def _check_options(metrics: Sequence[Metric], interval: bool, statistics: Path | None) -> None:
    names = ", ".join(metric.name for metric in metrics)
    if interval and not any(isinstance(metric, MomentMetric) for metric in metrics):
        raise TpgbenchError(
            f"--interval is only for metrics of mean and covariance, such as fid, and {names} is "
            "none: leave it out"
        )
    if statistics is None:
        return
    if not any(isinstance(one, SetMetric) and one.statistics for one in metrics):
        raise TpgbenchError(f"--save-statistics: {names} reads no file of statistics: leave it out")
    if statistics.suffix.lower() != ".npz":
        raise TpgbenchError(
            f"{statistics}: name a file that ends in .npz, by which statistics are known"
        )


def _check_folders(metrics: Sequence[Metric], paths: list[Path]) -> list[Path]:
    """Return the paths if they are as many as the metrics take."""
    asking = next((metric for metric in metrics if fields_needed(metric)), metrics[0])
    wanted = 2 if fields_needed(asking) else 1
    if len(paths) == wanted:
        return paths
    first = "real" if "truth" in fields_needed(asking) else "garment"
    sides = f"the {first} images, then the generated" if wanted == 2 else "the generated images"
    plural = "folders" if wanted == 2 else "folder"
    raise TpgbenchError(f"{asking.name} takes {wanted} {plural}, {sides}; got {len(paths)}")


def compute_fid(
    real: str | Path,
    generated: str | Path,
    *,
    protocol: str | None = None,
    weights: str | Path | None = None,
    interval: bool = False,
    cache: bool = True,
) -> Value:
    """Return the Frechet inception distance of two sets of images; lower is better.

    Args:
        real: A folder, with all folders below it, a zip file, or a ``.npz`` file of statistics.
        generated: Likewise.
        protocol: ``"clean"`` (the default), ``"pytorch-fid"``, ``"torch-fidelity"`` or
            ``"torchmetrics"``: each gives that library's number.
        weights: A folder with the Inception's weights.
        interval: Give its 95 % jackknife interval too, which takes 20 times the distance's own time
            (not the network's). The generated set must then be images.
        cache: Keep the features in the user's cache, and use what is there.

    Returns:
        The distance, at least 0. Of fewer than 2,048 images in a set it is marked ``unranked``, and
        also where a statistics file does not say how many they are (its ``n`` is then 0).

    Raises:
        TpgbenchError: Fewer than two images, or than 40 for an interval, an unreadable one,
            statistics of another protocol, unavailable weights, or no such protocol.
    """
    return compute_metric(
        "fid",
        [real, generated],
        protocol=protocol,
        weights=weights,
        interval=interval,
        cache=cache,
    )


def compute_kid(
    real: str | Path,
    generated: str | Path,
    *,
    protocol: str | None = None,
    weights: str | Path | None = None,
    cache: bool = True,
) -> Value:
    """Return the kernel inception distance of two sets of images; lower is better.

    Args:
        real: A folder, with all folders below it, a zip file, or a ``.npz`` file with ``feats``.
        generated: Likewise.
        protocol: As `compute_fid`.
        weights: A folder with the Inception's weights.
        cache: Keep the features in the user's cache, and use what is there.

    Returns:
        The distance, about 0 for sets that are alike, and its spread over subsets.

    Raises:
        TpgbenchError: As `compute_fid`, or a statistics file without features.
    """
    return compute_metric("kid", [real, generated], protocol=protocol, weights=weights, cache=cache)


def compute_is(
    generated: str | Path,
    *,
    protocol: str | None = None,
    weights: str | Path | None = None,
    cache: bool = True,
) -> Value:
    """Return the inception score of a set of images; higher is better.

    Args:
        generated: A folder, with all folders below it, a zip file, or a ``.npz`` file with
            ``feats``.
        protocol: As `compute_fid`.
        weights: A folder with the Inception's weights.
        cache: Keep the features in the user's cache, and use what is there.

    Returns:
        The score, from 1 to 1,008, and its spread over 10 splits.

    Raises:
        TpgbenchError: Fewer than 10 images, or as `compute_kid`.
    """
    return compute_metric("is", [generated], protocol=protocol, weights=weights, cache=cache)


def compute_psnr(real: str | Path, generated: str | Path) -> Value:
    """Return the mean PSNR, in dB, of two folders' images; higher is better.

    Args:
        real: A folder or zip file of real images.
        generated: One whose images have the same names; only the suffixes may differ.

    Raises:
        TpgbenchError: As `compute_metrics`.
    """
    return compute_metric("psnr", [real, generated])


def compute_ssim(real: str | Path, generated: str | Path) -> Value:
    """Return the mean SSIM, -1 to 1, of two folders' images; higher is better.

    Args:
        real: A folder or zip file of real images.
        generated: One whose images have the same names; only the suffixes may differ.

    Raises:
        TpgbenchError: As `compute_metrics`.
    """
    return compute_metric("ssim", [real, generated])


def compute_lpips(
    real: str | Path,
    generated: str | Path,
    *,
    net: str = "alex",
    weights: str | Path | None = None,
) -> Value:
    """Return the mean LPIPS, from 0 up, of two folders' images; lower is better.

    Args:
        real: A folder or zip file of real images.
        generated: One whose images have the same names; only the suffixes may differ.
        net: ``"alex"``, ``"vgg"`` or ``"squeeze"``.
        weights: A folder with the network's weights.

    Raises:
        TpgbenchError: As `compute_metrics`, or the network's weights are unavailable.
    """
    return compute_metric(f"lpips@{net}", [real, generated], weights=weights)


def save_statistics(
    images: str | Path,
    path: str | Path,
    *,
    protocol: str | None = None,
    weights: str | Path | None = None,
    keep_features: bool = False,
    cache: bool = True,
) -> None:
    """Write the Inception statistics of a set of images, to be compared with later.

    pytorch-fid and clean-fid read the file too.

    Args:
        images: A folder, with all folders below it, or a zip file.
        path: The ``.npz`` file to write.
        protocol: As `compute_fid`.
        weights: A folder with the Inception's weights.
        keep_features: Write the features as well, as KID needs them: 8 KiB per image.
        cache: Keep the features in the user's cache, and use what is there.

    Raises:
        TpgbenchError: As `compute_fid`, or the file has another suffix or cannot be written.
    """
    folder = None if weights is None else given_path(weights, "weights")
    metric = _make("kid" if keep_features else "fid", protocol, folder, alone=True)
    target = given_path(path, "path")
    _check_options([metric], False, target)
    if isinstance(metric, SetMetric):
        save_side_statistics(metric, given_path(images, "images"), target, cache=cache)
