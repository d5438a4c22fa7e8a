"""CLIP as a backbone: images and texts to unit vectors in one space."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import PIL.Image
import torch
import transformers
from numpy.typing import NDArray
from torch import Tensor

from ...core.errors import TpgbenchError
from ...core.hub import WEIGHTS, hub_hash
from ...core.images import Image
from .clip_files import CLIP, CLIP_VERSION
from .device import compute_device, float32_inference
from .extractor import FeatureExtractor

# The mean and spread of OpenAI's training data, in RGB, which all its descendants kept.
_MEAN = (0.48145466, 0.4578275, 0.40821073)
_STD = (0.26862954, 0.26130258, 0.27577711)

_BATCH = 16

T = TypeVar("T")


class Clip:
    """A CLIP with its tokenizer.

    Args:
        folder: Its config, ``model.safetensors`` and the tokenizer's files.
        device: Where to compute.

    Raises:
        TpgbenchError: They are incomplete, or not CLIP's.
    """

    def __init__(self, folder: Path, device: str) -> None:
        self.device = device
        bars: Any = transformers.utils.logging
        shows_progress = bars.is_progress_bar_enabled()
        bars.disable_progress_bar()
        try:
            model: Any = transformers.CLIPModel.from_pretrained(
                folder, local_files_only=True, use_safetensors=True, dtype=torch.float32
            )
            self._tokenizer = transformers.CLIPTokenizer.from_pretrained(
                folder, local_files_only=True
            )
        except Exception as error:
            reason = " ".join(str(error).split())[:200]
            raise TpgbenchError(
                f"{folder}: cannot be loaded as CLIP ({type(error).__name__}: {reason}); copy all "
                f"files of a CLIP there: config.json, {WEIGHTS} and the tokenizer's"
            ) from error
        finally:
            if shows_progress:
                bars.enable_progress_bar()
        self._model = model.eval().requires_grad_(False).to(self.device)
        self._side = int(model.config.vision_config.image_size)
        self._length = int(model.config.text_config.max_position_embeddings)

    def embed_images(self, images: Sequence[Image]) -> NDArray[np.float32]:
        """Return one unit vector per image, (n, d).

        Args:
            images: uint8 (height, width, 3) each, of any sizes; of one that is not square the
                central square counts.
        """
        mean = torch.tensor(_MEAN, device=self.device).view(3, 1, 1)
        std = torch.tensor(_STD, device=self.device).view(3, 1, 1)
        found = []
        for batch in _batches(images):
            pixels = np.stack([_square(image, self._side) for image in batch])
            with float32_inference(self.device):
                tensor = torch.from_numpy(pixels).to(self.device).permute(0, 3, 1, 2)
                vision = self._model.vision_model((tensor / 255 - mean) / std)
                found.append(_unit(self._model.visual_projection(vision.pooler_output)))
        return np.concatenate(found)

    def embed_texts(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Return one unit vector per text, (n, d); what goes beyond CLIP's context is cut off."""
        found = []
        for batch in _batches(texts):
            tokens = self._tokenizer(
                list(batch),
                padding=True,
                truncation=True,
                max_length=self._length,
                return_tensors="pt",
            ).to(self.device)
            with float32_inference(self.device):
                text = self._model.text_model(
                    tokens.input_ids, attention_mask=tokens.attention_mask
                )
                found.append(_unit(self._model.text_projection(text.pooler_output)))
        return np.concatenate(found)


class ClipExtractor(FeatureExtractor):
    """CLIP as a backbone of metrics of whole sets.

    Args:
        clip: The model.
        label: The hash of its files.
    """

    version = CLIP_VERSION
    batch_size = _BATCH

    def __init__(self, clip: Clip, label: str) -> None:
        self._clip = clip
        self.backbone = f"clip|{label}"

    def extract(self, images: Sequence[Image]) -> NDArray[np.float32]:
        """Return one unit vector per image, (n, d)."""
        return self._clip.embed_images(images)


def load_clip(folder: Path) -> Clip:
    """Return the CLIP in a folder, on the device of the moment; the metrics that use it share it.

    Raises:
        TpgbenchError: As `Clip`.
    """
    return _read_clip(folder.resolve(), hub_hash(CLIP, folder), compute_device())


@lru_cache(maxsize=2)
def _read_clip(folder: Path, _hash: str, device: str) -> Clip:
    return Clip(folder, device)


def _square(image: Image, side: int) -> Image:
    """Return the central square at ``side`` px, by CLIP's own filter, Pillow's bicubic."""
    height, width = image.shape[:2]
    short = min(height, width)
    left, top = (width - short) / 2, (height - short) / 2
    picture = PIL.Image.fromarray(image).resize(
        (side, side),
        PIL.Image.Resampling.BICUBIC,
        box=(left, top, left + short, top + short),
    )
    return np.asarray(picture, dtype=np.uint8)


def _unit(vectors: Tensor) -> NDArray[np.float32]:
    unit = torch.nn.functional.normalize(vectors.float(), dim=-1)
    return np.asarray(unit.cpu().numpy(), dtype=np.float32)


def _batches(items: Sequence[T]) -> Iterator[Sequence[T]]:
    return (items[start : start + _BATCH] for start in range(0, len(items), _BATCH))
