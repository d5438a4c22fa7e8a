"""Another package's models, metrics and datasets: quick, and broken on demand."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import ClassVar, Literal

import numpy as np
from pydantic import Field
from tpgbench.benchmark.model import Model, ModelCard, ModelConfig
from tpgbench.benchmark.sample import Sample
from tpgbench.core.errors import TpgbenchError
from tpgbench.core.weights import WeightFile
from tpgbench.datasets_builders.base import Dataset, DatasetCard, DatasetSource, TpgRow
from tpgbench.metrics import (
    FeatureExtractor,
    NotAnswered,
    Pair,
    SampleMetric,
    Score,
    SetMetric,
)

CARD = ModelCard(title="a toy", source="the tests", licence="CC0-1.0")
ODD_IDS = [
    "plain",
    "with/slash",
    "..",
    ".",
    "...",
    "日本語 ⛄",
    "x" * 255,
    "con",
    " spaces ",
    "a%2Fb",
    "UPPER",
    "upper",
]


class NoiseConfig(ModelConfig):
    seconds: float = Field(default=0.0, ge=0.0, description="sleep per image")
    amount: int = Field(default=40, ge=0, le=255, description="how strong the noise is")


class ToyNoise(Model):
    name = "toy-noise"
    task = "tpg"
    card = CARD
    config_type = NoiseConfig

    def generate(self, samples: Sequence[Sample], seeds: Sequence[int]) -> list[np.ndarray]:
        assert isinstance(self.config, NoiseConfig)
        images = []
        for sample, seed in zip(samples, seeds, strict=True):
            time.sleep(self.config.seconds)
            noise = np.random.default_rng(seed).integers(0, self.config.amount + 1, (1, 1, 3))
            images.append((sample.garment // 2 + noise).astype(np.uint8))
        return images


class BrokenConfig(ModelConfig):
    how: Literal["raise", "size", "nan", "none", "few", "batch", "all-none", "float"] = "raise"
    every: int = 3


class ToyBroken(Model):
    """Breaks on every third sample of the toy dataset."""

    name = "toy-broken"
    task = "tpg"
    card = CARD
    config_type = BrokenConfig
    batch_size = 4

    def generate(self, samples: Sequence[Sample], seeds: Sequence[int]) -> Sequence[np.ndarray]:
        assert isinstance(self.config, BrokenConfig)
        how = self.config.how
        if how == "all-none":
            return None
        if how == "batch" and len(samples) > 1:
            raise RuntimeError("too many samples")
        images: list[np.ndarray] = []
        for sample in samples:
            image: object = sample.garment.copy()
            if int(sample.sample_id.rpartition("-")[2]) % self.config.every == 0:
                if how == "raise":
                    raise ValueError("no idea\nat all")
                if how == "few":
                    continue
                image = {
                    "size": sample.garment[:-1],
                    "nan": np.full(sample.garment.shape, np.nan),
                    "float": sample.garment / 255.0,
                    "none": None,
                    "batch": image,
                }[how]
            images.append(image)
        return images


class ToyMean(SampleMetric):
    name = "toy-mean"
    higher_is_better = True
    tasks = frozenset({"tpg"})
    range = (0.0, 255.0)
    needs = frozenset()
    variants: ClassVar[tuple[str, ...]] = ("mean", "max")
    source = "the tests"

    def score(self, pair: Pair) -> float:
        return float(pair.output.max() if self.variant == "max" else pair.output.mean())


class ToyWeights(ToyMean):
    name = "toy-weights"
    weights: ClassVar[tuple[WeightFile, ...]] = (
        WeightFile(
            name="toy-weights.bin",
            url="file:///nowhere/toy-weights.bin",
            sha256="0" * 64,
            licence="CC0-1.0",
        ),
    )


class ToyJudge(SampleMetric):
    """Asks in batches, gives three values and evidence, and refuses or breaks on demand."""

    name = "toy-judge"
    higher_is_better = True
    tasks = frozenset({"tpg"})
    range = (0.0, 1.0)
    needs = frozenset()
    outputs: ClassVar[tuple[str, ...]] = ("red", "blue")
    batch_size: ClassVar[int] = 3
    source = "the tests"

    refused: ClassVar[frozenset[str]] = frozenset()
    broken: ClassVar[frozenset[str]] = frozenset()
    asked: ClassVar[list[tuple[str, ...]]] = []

    def score(self, pair: Pair) -> Score | NotAnswered:
        return self.score_batch([pair])[0]

    def score_batch(self, pairs: Sequence[Pair]) -> list[Score | NotAnswered]:
        self.asked.append(tuple(pair.sample_id for pair in pairs))
        if any(pair.sample_id in self.broken for pair in pairs):
            raise RuntimeError("the judge broke")
        return [self._answer(pair) for pair in pairs]

    def _answer(self, pair: Pair) -> Score | NotAnswered:
        if pair.sample_id in self.refused:
            return NotAnswered("HTTP 429")
        red, _, blue = (float(one) / 255 for one in pair.output.mean((0, 1)))
        evidence = {"question": "is it bright?", "answers": ["yes", red]}
        return Score({"value": float(pair.output.mean()) / 255, "red": red, "blue": blue}, evidence)


class ToyCaption(SampleMetric):
    name = "toy-caption"
    higher_is_better = True
    tasks = frozenset({"tpg"})
    range = (0.0, 1_000.0)
    needs = frozenset({"caption"})
    source = "the tests"

    def score(self, pair: Pair) -> float:
        return float(len(pair.caption or ""))


class ToyColours(FeatureExtractor):
    backbone = "toy-colours"
    batch_size = 4

    def extract(self, images: Sequence[np.ndarray]) -> np.ndarray:
        return np.stack([image.mean((0, 1)) for image in images]).astype(np.float32)


class ToyDistance(SetMetric):
    """The squared distance of the sets' mean colours, from a backbone of its own."""

    name = "toy-distance"
    higher_is_better = False
    tasks = frozenset({"tpg"})
    range = (0.0, float("inf"))
    min_samples = 2
    statistics = "features"
    source = "the tests"

    def settings(self) -> dict[str, str]:
        return {"backbone": ToyColours.backbone}

    def extractor(self) -> FeatureExtractor:
        return ToyColours()

    def measure(self, features: Mapping[str, np.ndarray], groups: Sequence[str] | None) -> float:
        gap = features["truth"].mean(0, dtype=float) - features["output"].mean(0, dtype=float)
        return float(gap @ gap)


class ToyDataset(Dataset):
    task = "tpg"
    fit = "box"
    licence = "CC0-1.0"

    def __init__(self, name: str, split: str, size: int | None, seed: int, count: int) -> None:
        self.name, self.split, self.size, self.seed, self.count = (
            name,
            split,
            size or 32,
            seed,
            count,
        )
        self.fingerprint = f"{name}-1-{seed}"

    def sample_ids(self, limit: int | None = None) -> list[str]:
        if self.split == "odd":
            return ODD_IDS[:limit]
        if self.split == "twice":
            return ["same", "same"]
        if self.split == "none":
            return []
        if self.split == "train" and limit is None:
            raise TpgbenchError("toy: the split 'train' is endless: give --limit")
        count = (limit or 0) if self.split == "train" else min(self.count, limit or self.count)
        return [f"toy-{index:03d}" for index in range(count)]

    def __getitem__(self, index: int) -> TpgRow:
        if self.split != "train" and index >= self.count:
            raise IndexError(index)
        rng = np.random.default_rng([self.seed, index])
        side = 2 * self.size
        mask = np.zeros((side, side), bool)
        mask[side // 4 : -side // 4, side // 4 : -side // 4] = True
        tile = rng.integers(0, 256, (self.size // 4, self.size // 4, 3), dtype=np.uint8)
        pattern = np.tile(tile, (4, 4, 1))[: self.size, : self.size]
        photo = np.tile(pattern, (2, 2, 1))
        sample_id = self.sample_ids(index + 1)[index]
        meta = {"severity": index % 5 + 1, "lattice": [[0.25, 0.0], [0.0, 0.25]]}
        return TpgRow(sample_id, photo, mask, pattern, sample_id, f"toy {index}", meta)


class Toy(DatasetSource):
    name = "toy"
    task = "tpg"
    card = DatasetCard(title="toys", source="the tests", licence="CC0-1.0")
    splits = ("test", "train", "odd", "twice", "none")
    default_size = 32
    embedded = True

    def open(self, split: str, *, size: int | None = None, seed: int = 0) -> Dataset:
        self.check_split(split)
        return ToyDataset(self.name, split, size, seed, 12)


class ToyOtherTask(Toy):
    name = "toy-other-task"
    task = "mannequin"

    def open(self, split: str, *, size: int | None = None, seed: int = 0) -> Dataset:
        dataset = super().open(split, size=size, seed=seed)
        dataset.task = "mannequin"
        return dataset


class _BadRows(ToyDataset):
    def __getitem__(self, index: int) -> TpgRow:
        row = super().__getitem__(index)
        mask, garment = row.mask, row.garment
        if index == 1:
            mask = np.zeros_like(mask)
        if index == 2:
            mask = mask[:-1]
        if index == 3:
            garment, mask = garment[:1, :1], mask[:1, :1]
        if index == 4:
            raise TpgbenchError("toy-004: truncated")
        return TpgRow(row.sample_id, garment, mask, row.pattern, row.garment_id)


class ToyBadRows(Toy):
    name = "toy-bad-rows"

    def open(self, split: str, *, size: int | None = None, seed: int = 0) -> Dataset:
        self.check_split(split)
        return _BadRows(self.name, split, size, seed, 6)
