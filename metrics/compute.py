"""Any metric over two folders, by name."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from ..core.errors import TpgbenchError
from .base import Value
from .distribution import compute_fid, compute_is, compute_kid, save_statistics
from .paired import compute_paired


def compute_metric(
    name: str,
    folders: Sequence[str | Path],
    *,
    protocol: str | None = None,
    weights: str | Path | None = None,
    interval: bool = False,
    statistics: str | Path | None = None,
) -> Value:
    """Return a metric over folders, zip files or, for FID and KID, files of statistics.

    Args:
        name: ``"fid"``, ``"kid"``, ``"is"``, or any metric of pairs of images, with a variant if
            need be: ``"lpips@vgg"``.
        folders: The true images and the generated ones; for ``"is"`` the generated ones alone.
        protocol: Another way to write the variant: ``"clean"``.
        weights: A folder with the weights.
        interval: Give FID its interval, which takes a while; the paired metrics always have one.
        statistics: Of FID and KID: a ``.npz`` file to write the true images' statistics to, to be
            given in their place later; KID's hold the features.

    Raises:
        TpgbenchError: Unknown name or variant, another number of folders, or what the metric
            itself refuses.
    """
    kind, _, variant = name.partition("@")
    if protocol and variant and protocol != variant:
        raise TpgbenchError(f"{name} with --protocol {protocol}: name one of the two")
    variant = variant or protocol or ""
    wanted = 1 if kind == "is" else 2
    if len(folders) != wanted:
        sides = "the generated images" if wanted == 1 else "the true images, then the generated"
        raise TpgbenchError(f"{kind} takes {wanted} folders, {sides}; here are {len(folders)}")
    if interval and kind != "fid":
        raise TpgbenchError(f"--interval is for fid: {kind} has its own without it, or a spread")
    if statistics is not None:
        if kind not in {"fid", "kid"}:
            raise TpgbenchError(f"--save-statistics is for fid and kid: {kind} has none")
        save_statistics(
            folders[0],
            statistics,
            protocol=variant or None,
            weights=weights,
            keep_features=kind == "kid",
        )
    if kind == "fid":
        return compute_fid(*folders, protocol=variant or None, weights=weights, interval=interval)
    if kind == "kid":
        return compute_kid(*folders, protocol=variant or None, weights=weights)
    if kind == "is":
        return compute_is(*folders, protocol=variant or None, weights=weights)
    return compute_paired(f"{kind}@{variant}" if variant else kind, *folders, weights=weights)
