"""The garment by a semantic segmentation model from the hub, through transformers."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from ...core.errors import TpgbenchError
from ...core.files import known_sha256
from ...core.hub import get_pipeline_folder
from ...core.images import Image
from .base import FoundMask, Masker

VERSION = 1

# Words in the names of classes that are garments, in the label sets of SegFormers for clothes.
_GARMENTS = (
    "upper-clothes",
    "shirt",
    "top",
    "blouse",
    "sweater",
    "cardigan",
    "jacket",
    "vest",
    "coat",
    "dress",
    "skirt",
    "pants",
    "trousers",
    "jumpsuit",
    "cape",
    "shorts",
    "tunic",
    "hoodie",
    "jeans",
    "kimono",
    "clothes",
    "clothing",
    "garment",
)
_NO_GARMENTS = ("collar", "lapel", "sleeve", "pocket", "neckline", "zipper", "applique")
_MIN_SHARE = 0.01
_MIN_PROBABILITY = 0.6


class Segmentation(Masker):
    """Masks the pixels of all garment classes.

    Args:
        location: A model's folder, or its id on the hub.

    Raises:
        TpgbenchError: It is unavailable, no model for semantic segmentation, or has no class that
            is a garment.
    """

    name = "segmentation"

    def __init__(self, location: str) -> None:
        self._location = location
        folder = get_pipeline_folder(location)
        self._weights = _weights_of(folder)
        self._model, self._processor = _load(folder, location)
        names: dict[int, str] = self._model.config.id2label
        self._classes = [index for index, name in names.items() if _is_garment(name)]
        if not self._classes:
            shown = ", ".join(list(names.values())[:8])
            raise TpgbenchError(
                f"{location}: none of its classes is a garment ({shown}, ...): name a model that "
                "segments clothes"
            )

    def settings(self) -> Mapping[str, str]:
        """Return the version, the weights' SHA-256 and the classes."""
        return {
            "version": str(VERSION),
            "weights": self._weights,
            "classes": ",".join(map(str, self._classes)),
        }

    def find(self, photo: Image) -> FoundMask:
        """Return the garments.

        Raises:
            TpgbenchError: There is none, or the model computes NaN.
        """
        import torch

        inputs = self._processor(images=photo, return_tensors="pt")
        with torch.inference_mode():
            logits = self._model(**inputs).logits.float()
            logits = torch.nn.functional.interpolate(
                logits, size=photo.shape[:2], mode="bilinear", align_corners=False
            )[0]
        if not torch.isfinite(logits).all():
            raise TpgbenchError(f"{self._location}: computes NaN; download it again")
        chosen = torch.isin(logits.argmax(0), torch.tensor(self._classes))
        mask = chosen.numpy()
        if mask.mean() < _MIN_SHARE:
            raise TpgbenchError(f"{self._location} finds no garment: draw a mask")
        garment = logits.softmax(0)[self._classes].sum(0)
        sure = float(garment[chosen].mean())
        doubt = None if sure >= _MIN_PROBABILITY else f"the model is {sure:.0%} sure of it"
        return FoundMask(np.ascontiguousarray(mask), doubt)


def _load(folder: Path, location: str) -> tuple[Any, Any]:
    try:
        from transformers import AutoImageProcessor, AutoModelForSemanticSegmentation
    except ImportError as error:
        raise TpgbenchError(
            f"--masks {location}: needs transformers: pip install transformers"
        ) from error
    try:
        # Never code of the repository, and no format that can run any.
        options = {"local_files_only": True, "trust_remote_code": False}
        model = AutoModelForSemanticSegmentation.from_pretrained(
            folder, use_safetensors=True, **options
        )
        read: Any = AutoImageProcessor.from_pretrained
        processor = read(folder, **options)
    except Exception as error:  # of transformers, of whatever kind
        line = next(iter(str(error).splitlines()), "")
        raise TpgbenchError(
            f"{location}: cannot be loaded as a model for semantic segmentation "
            f"({type(error).__name__}: {line[:200]}): name another"
        ) from error
    return model.eval(), processor


def _weights_of(folder: Path) -> str:
    files = sorted(folder.glob("*.safetensors"))
    if not files:
        raise TpgbenchError(
            f"{folder}: holds no .safetensors; other formats are not read because they can run code"
        )
    return "+".join(known_sha256(file)[:16] for file in files)


def _is_garment(name: str) -> bool:
    lower = name.lower()
    words = lower.replace("-", " ").replace(",", " ").split()
    whole = any(one in words or one in lower.split() for one in _GARMENTS)
    return (whole or "upper-clothes" in lower) and not any(one in lower for one in _NO_GARMENTS)
