"""Statistics files: what pytorch-fid and clean-fid keep of a reference set."""

from __future__ import annotations

import io
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...core.errors import TpgbenchError
from ...core.files import sha256_file, write_atomic
from ..frechet import Gaussian

_MAX_BYTES = 32 << 30  # features of four million images
_ROUNDING = 1e-5  # single precision, of sums over many images


@dataclass(frozen=True)
class Statistics:
    """What a file says of a set of images.

    Attributes:
        gaussian: The mean and covariance of the features.
        features: The features themselves, float32 (n, d), where the file holds them.
        count: How many images they are of, where the file says so.
        digest: The first eight hex digits of the file's SHA-256.
    """

    gaussian: Gaussian
    features: NDArray[np.float32] | None
    count: int | None
    digest: str


def read_statistics(path: Path, extractor_key: str) -> Statistics:
    """Read a ``.npz`` file of ``mu`` and ``sigma``, of ``feats``, or of all three.

    Args:
        path: The file.
        extractor_key: What the other set's features come from. A file that `write_statistics` made
            says what its own come from; other files do not, and are taken on trust.

    Raises:
        TpgbenchError: Not such a file, damaged, or of another backbone or protocol.
    """
    try:
        _check_sizes(path)
        with np.load(path, allow_pickle=False) as archive:
            arrays: dict[str, NDArray[Any]] = {name: archive[name] for name in archive.files}
    except TpgbenchError:
        raise
    except Exception as error:  # numpy lets through whatever zipfile and zlib raise on damage
        raise TpgbenchError(
            f"{path}: cannot be read as statistics ({error}); make the file again"
        ) from error
    made_from = str(arrays["extractor"]) if "extractor" in arrays else extractor_key
    if made_from != extractor_key:
        raise TpgbenchError(
            f"{path}: its features come from {made_from} and not from {extractor_key}: name the "
            "protocol that it was made with, or make it again"
        )
    features = arrays.get("feats")
    count: int | None = None
    try:
        if features is not None:
            features = _real(features, "feats", 2).astype(np.float32)
            gaussian, count = Gaussian.of_features(features), len(features)
        else:
            mean, covariance = _real(arrays["mu"], "mu", 1), _real(arrays["sigma"], "sigma", 2)
            _check_covariance(mean, covariance)
            gaussian = Gaussian.of_moments(mean, covariance)
            count = _count(arrays["n"]) if "n" in arrays else None
    except KeyError:
        raise TpgbenchError(
            f"{path}: holds {', '.join(sorted(arrays)) or 'nothing'}; statistics are mu and sigma, "
            "or feats"
        ) from None
    except (TpgbenchError, ValueError, TypeError) as error:
        raise TpgbenchError(f"{path}: {error}") from error
    return Statistics(gaussian, features, count, sha256_file(path)[:8])


def _check_sizes(path: Path) -> None:
    """Refuse a file that would unpack to more than features can be: a few lines may promise it."""
    with zipfile.ZipFile(path) as archive:
        for member in archive.infolist():
            if member.file_size > _MAX_BYTES:
                raise TpgbenchError(
                    f"{path}: {member.filename} unpacks to {member.file_size:,} bytes, more than "
                    f"{_MAX_BYTES:,}; make the file again"
                )


def _real(array: NDArray[Any], name: str, dimensions: int) -> NDArray[np.float64]:
    """Return numbers in double precision.

    Raises:
        ValueError: They are none, complex, not finite, or of another number of dimensions.
    """
    if array.dtype.kind not in "fiu" or array.ndim != dimensions or not array.size:
        raise ValueError(
            f"{name} is {array.dtype} of shape {array.shape}: it must hold real numbers in "
            f"{dimensions} dimension{'s' * (dimensions > 1)}"
        )
    values: NDArray[np.float64] = array.astype(np.float64)
    if not np.isfinite(values).all():
        raise ValueError(f"{name} holds NaN or infinite values")
    return values


def _check_covariance(mean: NDArray[np.float64], covariance: NDArray[np.float64]) -> None:
    """Raise unless a matrix can be the covariance of vectors as long as the mean.

    Raises:
        ValueError: It has another shape, or is not symmetric or not positive semi-definite.
    """
    if covariance.shape != (len(mean), len(mean)):
        raise ValueError(f"sigma has shape {covariance.shape} and mu {mean.shape}")
    largest = float(np.abs(covariance).max())
    if float(np.abs(covariance - covariance.T).max()) > _ROUNDING * largest:
        raise ValueError("sigma is not symmetric")
    smallest = float(np.linalg.eigvalsh(covariance).min())
    if smallest < -_ROUNDING * max(largest, float(np.trace(covariance))):
        raise ValueError(f"sigma is no covariance: it has the eigenvalue {smallest:g}")


def _count(array: NDArray[Any]) -> int:
    """Return the number of images.

    Raises:
        ValueError: It is none.
    """
    if array.dtype.kind not in "iu" or array.size != 1 or int(array.reshape(-1)[0]) < 2:
        raise ValueError(f"n is {array.tolist()}: it must be a number of images")
    return int(array.reshape(-1)[0])


def write_statistics(
    path: Path, features: NDArray[np.float32], extractor_key: str, *, keep_features: bool = False
) -> None:
    """Write a ``.npz`` file that pytorch-fid and clean-fid read too.

    Args:
        path: Where to.
        features: (n, d).
        extractor_key: What they come from.
        keep_features: Write them as ``feats`` as well, as KID needs them: 8 KiB per image.

    Raises:
        TpgbenchError: Fewer than two images, or the file cannot be written.
    """
    gaussian = Gaussian.of_features(features)
    arrays: dict[str, NDArray[Any]] = {
        "mu": gaussian.mean,
        "sigma": gaussian.factor.T @ gaussian.factor,
        "n": np.array(len(features)),
        "extractor": np.array(extractor_key),
    }
    if keep_features:
        arrays["feats"] = features
    buffer = io.BytesIO()
    np.savez_compressed(buffer, allow_pickle=False, **arrays)
    write_atomic(path, buffer.getvalue())
