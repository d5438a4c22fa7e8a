"""Metrics over folders: which images are read in which order, and what each metric gets of them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from itertools import permutations
from pathlib import Path

from ...core.errors import TpgbenchError
from ..base import Metric, SetMetric, TruthMetric
from ..engine.measure import measure
from ..engine.measurement import Measurement, MetricResult, guarded
from ..engine.set_features import FeatureTable
from ..features.statistics import write_statistics
from ..moments import MomentMetric
from .file_pairs import ImageSet, SideSource
from .folder_pairs import FolderPairs
from .image_sides import SetInputs, Side, open_side
from .own_photos import OwnPhotos
from .published import published_images

_OWN_PHOTOS = frozenset({"garment", "mask", "caption", "meta"})


def fields_needed(metric: Metric) -> frozenset[str]:
    """Return which fields of a pair a metric needs in addition to the output."""
    used = metric.uses if isinstance(metric, SetMetric) else ()
    return frozenset({*metric.needs, *used} - {"output", "cloth"})


def is_unpaired(metric: Metric) -> bool:
    """Return whether a metric compares sets of images, whatever their names."""
    return (
        isinstance(metric, SetMetric) and not metric.paired and fields_needed(metric) <= {"truth"}
    )


class FolderTask:
    """Metrics over folders: what is opened, and what the engine makes of it.

    Args:
        metrics: The metrics.
        paths: The generated images, or what they are judged against and the generated images.
        setting: What the generated images are, where it is said: ``"unpaired"``; it joins the names
            and recipes of the values.

    Attributes:
        metrics: The metrics.
        notes: What lies in the folders and was passed over, and how names were read, a line each.

    Raises:
        TpgbenchError: Something is missing, of the wrong kind, or without a partner.
    """

    def __init__(self, metrics: Sequence[Metric], paths: Sequence[Path], setting: str = "") -> None:
        self.metrics = metrics
        self._setting = setting
        self._unpaired = [metric for metric in metrics if is_unpaired(metric)]
        self._paired = [metric for metric in metrics if not is_unpaired(metric)]
        needs = frozenset[str]().union(*map(fields_needed, metrics))
        photos = _own_photos(paths, needs)
        track = bool(self._unpaired)
        self._sides: dict[str, Side] = {}
        if "truth" in needs:
            self._sides["truth"] = open_side(_truth_path(paths[0], photos), track=track)
        self._sides["output"] = open_side(paths[-1], track=track)
        check_places([side.path for side in self._sides.values()])
        _check_counts(metrics, self._sides)
        self._pairs = self._match(photos, needs & _OWN_PHOTOS) if self._paired else None
        read_names = self._pairs.note if self._pairs is not None else ""
        self.notes = (
            *_passed_over(self._sides.values(), photos),
            *([read_names] if read_names else []),
        )
        self._measured: dict[str, Measurement] = {}

    @property
    def counts(self) -> dict[str, int]:
        """How many images each side has, but for files of statistics."""
        return {role: len(side.images) for role, side in self._sides.items() if side.images}

    def check_published(self, name: str) -> None:
        """Refuse sets that are not a complete published split.

        Args:
            name: The split.

        Raises:
            TpgbenchError: A set has another number of images.
        """
        images = published_images(name)
        for role, count in self.counts.items():
            if count != images:
                raise TpgbenchError(
                    f"{self._sides[role].path}: holds {count:,} images, and the complete test "
                    f"split {name} has {images:,}: complete it, or leave out --published"
                )

    def check_sizes(self) -> None:
        """Refuse pairs whose sizes do not fit, before any image is decoded.

        Raises:
            TpgbenchError: A metric cannot compare two images of these sizes.
        """
        metrics = [
            one for one in self._paired if isinstance(one, TruthMetric) and one.min_side is not None
        ]
        if self._pairs is None or not metrics:
            return
        by_sizes: dict[tuple[tuple[int, int], tuple[int, int]], list[str]] = {}
        for name, output, truth in self._pairs.sizes():
            by_sizes.setdefault((output, truth), []).append(name)
        for sizes, names in by_sizes.items():
            for metric in metrics:
                try:
                    metric.check_sizes(*sizes)
                except TpgbenchError as error:
                    raise TpgbenchError(
                        f"{names[0]}: {error} ({len(names)} of {len(self._pairs)} pairs)"
                    ) from error

    def measure(self, cache: bool) -> None:
        """Compute the scores of all samples and gather all features."""
        rest = self._unpaired
        if self._pairs is not None:
            needs = frozenset[str]().union(*map(fields_needed, rest))
            together = self._pairs.is_in_order and needs <= self._pairs.fields
            chosen, rest = (self.metrics, []) if together else (self._paired, rest)
            found = measure(chosen, [self._pairs], cache=cache, strict=True)
            self._measured |= {metric.key: found for metric in chosen}
        if rest:
            sources = [
                SideSource(role, side.images)
                for role, side in self._sides.items()
                if side.images is not None
            ]
            found = measure(rest, sources, cache=cache, strict=True)
            self._measured |= {metric.key: found for metric in rest}

    def result(self, metric: Metric, *, interval: bool) -> MetricResult:
        """Return what a metric came to; with an interval that takes a while if asked for."""
        found = self._result(metric, interval=interval)
        if not self._setting:
            return found
        renamed = [
            one.model_copy(update={"name": f"{one.name}:{self._setting}"}) for one in found.values
        ]
        return MetricResult(tuple(renamed), found.problems)

    def _result(self, metric: Metric, *, interval: bool) -> MetricResult:
        measured = self._measured[metric.key]
        if self._pairs is not None and metric in self._paired:
            return measured.result(metric, self._pairs.context(fields_needed(metric)))
        if not isinstance(metric, SetMetric):
            raise TypeError(f"{type(metric).__name__} is neither a SampleMetric nor a SetMetric")
        inputs = self._inputs(metric)
        context = inputs.context() | ({"setting": self._setting} if self._setting else {})
        if inputs.has_statistics:
            found = guarded(metric, lambda: inputs.compute(context), 0, context, strict=True)
        else:
            found = measured.result(metric, context)
        value = found.values[0]
        if not interval or not isinstance(metric, MomentMetric) or value.value is None:
            return found  # others have their own interval, or none
        bias = inputs.bias(value.value) if value.bias is None else value.bias
        further = {"interval": inputs.interval(), "bias": bias}
        return MetricResult((value.model_copy(update=further),), ())

    def save_statistics(self, path: Path) -> str:
        """Write the real images' statistics; return whose they are, in a sentence."""
        able = [one for one in self.metrics if isinstance(one, SetMetric) and one.statistics]
        keys = {metric.extractor().key for metric in able}
        if len(keys) > 1:
            raise TpgbenchError(
                f"{path}: {', '.join(one.key for one in able)} have features of their own: save "
                "the statistics of one"
            )
        features = self._inputs(able[0]).needed("truth", "a statistics file")
        keep = any(metric.statistics == "features" for metric in able)
        write_statistics(path, features, keys.pop(), keep_features=keep)
        names = ", ".join(metric.key for metric in able)
        what = "features and statistics" if keep else "statistics"
        images = f"the {len(features):,} images of {self._sides['truth'].path}"
        return f"{path}: {what} of {images}, for {names}"

    def _inputs(self, metric: SetMetric) -> SetInputs:
        table = self._measured[metric.key].features.table(metric)
        features = table.features if isinstance(table, FeatureTable) else {}
        sides = {role: side for role, side in self._sides.items() if role in metric.uses}
        return SetInputs(metric, sides, features)

    def _match(self, photos: OwnPhotos | None, needs: frozenset[str]) -> FolderPairs:
        sides: dict[str, ImageSet] = {}
        for role, side in self._sides.items():
            if side.images is None:
                raise TpgbenchError(
                    f"{side.path}: is a file of statistics, and {self._paired[0].name} needs images"
                )
            sides[role] = side.images
        if not any("truth" in fields_needed(metric) for metric in self._paired):
            sides.pop("truth", None)
        names = ", ".join(one.name for one in self._paired if fields_needed(one) & _OWN_PHOTOS)
        return FolderPairs(sides["output"], sides.get("truth"), photos, needs, names)


def _passed_over(sides: Iterable[Side], photos: OwnPhotos | None) -> tuple[str, ...]:
    """Return what was passed over, a line for each folder."""
    found = {side.path: side.images.images.passed_over for side in sides if side.images is not None}
    if photos is not None:
        found[photos.path] = photos.passed_over
    return tuple(f"{path}: passed over: {what}" for path, what in found.items() if what)


def check_places(paths: Sequence[Path]) -> None:
    """Refuse a folder within the other: its images would be counted on both sides."""
    for outer, inner in permutations(paths, 2):
        if outer.is_dir() and outer.resolve() in inner.resolve().parents and inner.is_dir():
            raise TpgbenchError(
                f"{inner}: lies within {outer}, whose images it would be counted among: move one "
                "of them out of the other"
            )


def _check_counts(metrics: Sequence[Metric], sides: Mapping[str, Side]) -> None:
    """Refuse too few images before any is read."""
    for metric in metrics:
        for role, side in sides.items():
            if not isinstance(metric, SetMetric) or role not in metric.uses or not side.images:
                continue
            count = len(side.images)
            if count < metric.min_samples:
                held = "one image only" if count == 1 else f"{count} images"
                raise TpgbenchError(
                    f"{side.path}: holds {held}, and {metric.name} needs at least "
                    f"{metric.min_samples}: give more"
                )


def _own_photos(paths: Sequence[Path], needs: frozenset[str]) -> OwnPhotos | None:
    """Return the first folder as one of own photos if it is to be read as one, or None."""
    if len(paths) < 2:
        return None
    if needs & _OWN_PHOTOS:
        if paths[0].is_file():
            raise TpgbenchError(
                f"{paths[0]}: {', '.join(sorted(needs & _OWN_PHOTOS))} are read from a folder: "
                "unpack it"
            )
        return OwnPhotos(paths[0])
    first, second = map(OwnPhotos, paths)
    # Two trees that both have a pattern/ are two trees of images, matched by their paths.
    return first if first.truth_folder is not None and second.truth_folder is None else None


def _truth_path(path: Path, photos: OwnPhotos | None) -> Path:
    if photos is None:
        return path
    if photos.truth_folder is None:
        raise TpgbenchError(
            f"{path}: holds no ground truth: put patterns with the photos' names into its pattern/ "
            "folder"
        )
    return photos.truth_folder


def save_side_statistics(metric: SetMetric, images: Path, path: Path, *, cache: bool) -> None:
    """Write the statistics of one set of images.

    Args:
        metric: The metric that will read them.
        images: The set.
        path: The ``.npz`` file to write.
        cache: Keep features in the user's cache, and use what is there.

    Raises:
        TpgbenchError: Too few images, an unreadable one, or the file cannot be written.
    """
    side = open_side(images, track=False)
    if side.images is None:
        raise TpgbenchError(f"{images}: is a file of statistics already: name a folder of images")
    _check_counts([metric], {"truth": side})
    found = measure([metric], [SideSource("truth", side.images)], cache=cache, strict=True)
    table = found.features.table(metric)
    if isinstance(table, BaseException):
        raise table
    keep = metric.statistics == "features"
    write_statistics(path, table.features["truth"], metric.extractor().key, keep_features=keep)
