"""FID, KID and the inception score over folders, zip files and statistics files."""

from __future__ import annotations

import hashlib
import io
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ..core.errors import TpgbenchError
from ..core.images import open_picture, read_image
from .base import Value
from .features.cache import FeatureCache, file_key
from .features.extraction import FeatureCollector, Inspected, read_ahead
from .features.inception import InceptionFeatures
from .features.statistics import Statistics, read_statistics, write_statistics
from .fid import FEWEST_FOR_INTERVAL, FID, fid_interval
from .folders import read_images
from .frechet import Gaussian, frechet_distance
from .inception_score import InceptionScore
from .kid import KID


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
        The distance, at least 0. Of fewer than 2,048 images a side it is marked ``unranked``, and
        also where a statistics file does not say how many they are (its ``n`` is then 0).

    Raises:
        TpgbenchError: Fewer than two images, or than 40 for an interval, an unreadable one,
            statistics of another protocol, weights that are not to be had, or no such protocol.
    """
    metric = FID(protocol, _folder(weights))
    extractor = metric.extractor()
    truth, output = (_open(path, extractor, cache) for path in (real, generated))
    known = [one.count for one in (truth, output) if one.count is not None]
    value = metric.value(
        frechet_distance(truth.gaussian, output.gaussian),
        n=output.count or 0,
        fewest=min(known) if len(known) == 2 else None,
        missing=0,
        context=_context(output, truth),
    )
    if not interval:
        return value
    reference = truth.gaussian if truth.features is None else truth.features
    ends = fid_interval(reference, output.needed_features("an interval"))
    if ends is None:
        raise TpgbenchError(
            f"FID of {real} and {generated}: an interval needs {FEWEST_FOR_INTERVAL} images a "
            "side: give more, or ask for none"
        )
    return value.model_copy(update={"interval": ends})


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
    metric = KID(protocol, _folder(weights))
    extractor = metric.extractor()
    truth, output = (_open(path, extractor, cache) for path in (real, generated))
    features = {
        "truth": truth.needed_features("KID"),
        "output": output.needed_features("KID"),
    }
    return metric.compute(features, 0, _context(output, truth))


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
    metric = InceptionScore(protocol, _folder(weights))
    output = _open(generated, metric.extractor(), cache)
    features = {"output": output.needed_features("the inception score")}
    value = metric.compute(features, 0, _context(output))
    if value.not_computed is not None:
        raise TpgbenchError(f"{generated}: {value.not_computed}; give more images")
    return value


def save_statistics(
    images: str | Path,
    path: str | Path,
    *,
    protocol: str | None = None,
    weights: str | Path | None = None,
    keep_features: bool = False,
    cache: bool = True,
) -> None:
    """Write the statistics of a set of images, to be compared with later.

    pytorch-fid and clean-fid read the file too.

    Args:
        images: A folder, with all folders below it, or a zip file.
        path: The ``.npz`` file to write.
        protocol: As `compute_fid`.
        weights: A folder with the Inception's weights.
        keep_features: Write the features as well, as KID needs them: 8 KiB an image.
        cache: Keep the features in the user's cache, and use what is there.

    Raises:
        TpgbenchError: As `compute_fid`, or the file has another suffix or cannot be written.
    """
    if Path(path).suffix.lower() != ".npz":
        raise TpgbenchError(f"{path}: name a file that ends in .npz, by which statistics are known")
    extractor = FID(protocol, _folder(weights)).extractor()
    features = _open(images, extractor, cache).needed_features("a statistics file")
    write_statistics(Path(path), features, extractor.key, keep_features=keep_features)


@dataclass(frozen=True)
class _ImageSet:
    """A set of images, or what a file says of one.

    Attributes:
        path: Where it is.
        features: (n, d), or None if only the moments are known.
        statistics: What the file holds, or None if there are images.
        label: What tells the set from others, for recipes.
        formats: The images' formats, for recipes.
        size: The images' size, ``"512x512"`` or ``"mixed"``, for recipes.
    """

    path: Path
    features: NDArray[np.float32] | None
    statistics: Statistics | None
    label: str
    formats: str
    size: str

    @property
    def count(self) -> int | None:
        """How many images, if that is known."""
        if self.features is not None:
            return len(self.features)
        return self.statistics.count if self.statistics is not None else None

    @cached_property
    def gaussian(self) -> Gaussian:
        """The distribution of the features."""
        if self.statistics is not None:
            return self.statistics.gaussian
        return Gaussian.of_features(self.needed_features("FID"))

    def needed_features(self, purpose: str) -> NDArray[np.float32]:
        """Return the features, or raise if only the moments are known."""
        if self.features is None:
            raise TpgbenchError(
                f"{self.path}: holds mu and sigma only, and {purpose} needs the images, or their "
                "features (feats)"
            )
        return self.features


def _open(source: str | Path, extractor: InceptionFeatures, cache: bool) -> _ImageSet:
    path = Path(source)
    if path.suffix.lower() != ".npz":
        return _extract(path, extractor, FeatureCache(extractor.key) if cache else None)
    found = read_statistics(path, extractor.key)
    return _ImageSet(path, found.features, found, f"npz-{found.digest}", "npz", "unknown")


def _extract(path: Path, extractor: InceptionFeatures, cache: FeatureCache | None) -> _ImageSet:
    images = read_images(path)
    if len(images) < FID.min_samples:
        raise TpgbenchError(f"{path}: holds one image only; give at least {FID.min_samples}")
    collector = FeatureCollector(extractor, cache)

    def inspect(index: int) -> tuple[Inspected, tuple[int, int]]:
        content = images.read_bytes(index)
        inspected = collector.inspect(
            file_key(content), lambda: read_image(content, images.name(index))
        )
        # A known image need not be decoded; its size stands in its first bytes.
        return inspected, open_picture(io.BytesIO(content)).size

    digest = hashlib.sha256()
    sizes = set()
    for inspected, size in read_ahead(inspect, range(len(images)), ahead=extractor.batch_size):
        collector.add(inspected)
        digest.update(inspected.key.encode())
        sizes.add(size)
    return _ImageSet(
        path,
        collector.collect(),
        None,
        digest.hexdigest()[:8],
        images.formats,
        "x".join(map(str, sizes.pop())) if len(sizes) == 1 else "mixed",
    )


def _context(output: _ImageSet, truth: _ImageSet | None = None) -> dict[str, str]:
    """Return what a recipe holds beside the metric's own settings."""
    context = {
        "n": _count(output),
        "format": output.formats,
        "size": output.size,
    }
    if truth is not None:
        context |= {
            "n-real": _count(truth),
            "format-real": truth.formats,
            "size-real": truth.size,
            "real": truth.label,
            "pairs": "none",
        }
    return context


def _count(images: _ImageSet) -> str:
    return "unknown" if images.count is None else str(images.count)


def _folder(weights: str | Path | None) -> Path | None:
    return None if weights is None else Path(weights)
