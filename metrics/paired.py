"""Paired metrics over two folders whose images correspond by name."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from ..core.errors import TpgbenchError
from ..core.images import read_image
from .base import Comparison, SampleMetric, Value, make_metric
from .folders import ImageSource, read_images


def compute_psnr(real: str | Path, generated: str | Path) -> Value:
    """Return the mean PSNR, in dB, of two folders' images; higher is better.

    Args:
        real: A folder or zip file of true images.
        generated: One whose images have the same names; only the suffixes may differ.

    Raises:
        TpgbenchError: As `compute_paired`.
    """
    return compute_paired("psnr", real, generated)


def compute_ssim(real: str | Path, generated: str | Path) -> Value:
    """Return the mean SSIM, -1 to 1, of two folders' images; higher is better.

    Args:
        real: A folder or zip file of true images.
        generated: One whose images have the same names; only the suffixes may differ.

    Raises:
        TpgbenchError: As `compute_paired`.
    """
    return compute_paired("ssim", real, generated)


def compute_lpips(
    real: str | Path,
    generated: str | Path,
    *,
    net: str = "alex",
    weights: str | Path | None = None,
) -> Value:
    """Return the mean LPIPS, from 0 up, of two folders' images; lower is better.

    Args:
        real: A folder or zip file of true images.
        generated: One whose images have the same names; only the suffixes may differ.
        net: ``"alex"``, ``"vgg"`` or ``"squeeze"``.
        weights: A folder with the network's weights.

    Raises:
        TpgbenchError: As `compute_paired`, or the network's weights are not to be had.
    """
    return compute_paired(f"lpips@{net}", real, generated, weights=weights)


def compute_paired(
    metric: str,
    real: str | Path,
    generated: str | Path,
    *,
    weights: str | Path | None = None,
) -> Value:
    """Return any metric of an output and its truth over two folders.

    Args:
        metric: Its name, with a variant if need be: ``"ssim"``, ``"lpips@vgg"``.
        real: A folder, with all folders below it, or a zip file of true images.
        generated: One whose images have the same names; only the suffixes may differ. The pairs
            may be of many sizes, the two images of a pair may not, unless the metric resizes.
        weights: A folder with the metric's weights.

    Raises:
        TpgbenchError: Unknown metric, one that needs more than pairs, names without a partner,
            an unreadable image, a pair of two sizes, or weights that are not to be had.
    """
    chosen = make_metric(metric, None if weights is None else Path(weights))
    if not isinstance(chosen, SampleMetric) or not chosen.needs <= {"truth"}:
        raise TpgbenchError(f"{metric} is no metric of pairs of images: use 'tpgbench score'")
    truths, outputs = read_images(Path(real)), read_images(Path(generated))
    pairs = match_names(truths, outputs)
    chosen.load()

    def score(pair: tuple[int, int]) -> tuple[float, tuple[int, int], bytes]:
        content = truths.read_bytes(pair[0])
        truth, output = read_image(content, truths.name(pair[0])), outputs.read(pair[1])
        name = outputs.name(pair[1])
        try:
            value = chosen.score(Comparison(outputs.ids[pair[1]], output, truth))
        except TpgbenchError as error:
            raise TpgbenchError(f"{name}: {error}") from error
        return value, (output.shape[1], output.shape[0]), hashlib.sha256(content).digest()

    with ThreadPoolExecutor(os.cpu_count() or 1) as pool:
        scores, sizes, digests = zip(*pool.map(score, pairs), strict=True)
    distinct = set(sizes)
    context = {
        "n": str(len(pairs)),
        "pairs": "by-name",
        "size": "x".join(map(str, sizes[0])) if len(distinct) == 1 else "mixed",
        "format": outputs.formats,
        "format-real": truths.formats,
        "real": _label(truths, digests),
    }
    return chosen.aggregate(scores, context)


def match_names(truths: ImageSource, outputs: ImageSource) -> list[tuple[int, int]]:
    """Return the positions of each true image and its output.

    Raises:
        TpgbenchError: A name is in one folder only.
    """
    places = {name: index for index, name in enumerate(outputs.ids)}
    alone = sorted(places.keys() ^ set(truths.ids))
    if alone:
        raise TpgbenchError(
            f"{truths.path} holds {len(truths)} images and {outputs.path} {len(outputs)}; "
            f"{len(alone)} names are in one of them only: {_few(alone)}: give both sides of a "
            "pair the same name"
        )
    return [(index, places[name]) for index, name in enumerate(truths.ids)]


def _label(images: ImageSource, digests: Sequence[bytes]) -> str:
    """Return what tells a set of images from others, by their names and bytes."""
    whole = hashlib.sha256()
    for name, digest in zip(images.ids, digests, strict=True):
        whole.update(hashlib.sha256(name.encode()).digest() + digest)
    return whole.hexdigest()[:8]


def _few(names: Sequence[str], shown: int = 5) -> str:
    return ", ".join(names[:shown]) + (", ..." if len(names) > shown else "")
