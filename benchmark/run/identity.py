"""The identity of a run, and the record of every session that worked on it."""

from __future__ import annotations

import hashlib
import json
from typing import Any

from pydantic import BaseModel, ConfigDict

from ...datasets_builders.reference import DatasetRef
from .filenames import safe_stem
from .results import RunDocument


class Identity(BaseModel):
    """Everything that decides the images. Two runs of one identity are one run.

    Attributes:
        task: ``"tpg"`` or ``"mannequin"``.
        model: The model's name.
        model_version: The model's own version; raised when its images change.
        options: All its options, defaults included.
        weights: SHA-256 by file.
        dataset: The dataset's name.
        dataset_fingerprint: What determines its rows.
        split: The split.
        size: Side of the frame, in pixels.
        fit: How photos are brought to it.
        seed: The run's seed.
        precision: ``"fp32"``, ``"bf16"``, ...
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    task: str
    model: str
    model_version: int
    options: dict[str, Any]
    weights: dict[str, str]
    dataset: str
    dataset_fingerprint: str
    split: str
    size: int
    fit: str
    seed: int
    precision: str

    def digest(self) -> str:
        """Return the hex SHA-256 of the canonical JSON."""
        text = json.dumps(self.model_dump(mode="json"), sort_keys=True, ensure_ascii=True)
        return hashlib.sha256(text.encode()).hexdigest()

    def folder_name(self) -> str:
        """Return the name of the default output folder."""
        parts = (safe_stem(part) for part in (self.model, self.dataset, self.split))
        return f"{'-'.join(parts)}-{self.digest()[:10]}"

    def differences(self, other: Identity) -> list[str]:
        """Return one ``"field: ours -> theirs"`` per field in which the two differ."""
        mine, theirs = self.model_dump(mode="json"), other.model_dump(mode="json")
        return [
            f"{name}: {_short(mine[name])} -> {_short(theirs[name])}"
            for name in mine
            if mine[name] != theirs[name]
        ]


class Session(BaseModel):
    """One process that worked on a run.

    Attributes:
        started: UTC, ISO 8601.
        command: What was typed, or the equivalent.
        batch_size: Samples per call of the model.
        device: Where the model ran.
        environment: Versions, platform and git commit.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    started: str
    command: tuple[str, ...]
    batch_size: int
    device: str
    environment: dict[str, str]


class ExternalImages(BaseModel):
    """External images, which tpgbench only scores.

    Attributes:
        folder: Where they are.
        manifest: A CSV or JSON Lines file with ``sample_id`` and ``file``; None to match an
            image to the sample whose id is its file stem.
        resize: Bring an image of another size into the frame instead of failing its sample: one of
            the truth's shape as the truth is, a square one by resizing.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    folder: str
    manifest: str | None = None
    resize: bool = False


class RunRecord(RunDocument):
    """`run.json`: the identity, and all that is needed to do the run again.

    Attributes:
        identity: See `Identity`.
        dataset_location: What ``--dataset`` was: a name or a folder.
        dataset_config: What ``--config`` was, or None for the dataset's default.
        dataset_seed: What ``--data-seed`` was.
        dataset_masks: What ``--masks`` was.
        weights_location: What ``--weights`` was, or None.
        limit: How many samples the last command asked for, or None for all.
        images: Where external images are; None when tpgbench generated them.
        sessions: Every process that worked on it, oldest first.
    """

    schema_version: int = 3

    identity: Identity
    dataset_location: str
    dataset_config: str | None = None
    dataset_seed: int
    dataset_masks: str = "given"
    weights_location: str | None = None
    limit: int | None
    images: ExternalImages | None = None
    sessions: tuple[Session, ...] = ()

    @classmethod
    def migrate(cls, content: dict[str, Any], version: int) -> dict[str, Any]:
        """Bring an older record to the current schema.

        Version 2 requires ``dataset_seed``; before there was the option, the seed was 0. Version 3
        knows ``dataset_masks``.
        """
        return {"dataset_seed": 0} | content

    @property
    def dataset_ref(self) -> DatasetRef:
        """The dataset by name or place."""
        return DatasetRef(
            location=self.dataset_location,
            split=self.identity.split,
            config=self.dataset_config,
            size=self.identity.size,
            seed=self.dataset_seed,
            masks=self.dataset_masks,
        )


def sample_seed(run_seed: int, sample_id: str) -> int:
    """Return the seed of one sample, 0 <= seed < 2**63.

    It depends on the run's seed and the id alone, so neither order nor sharding changes an image.
    """
    digest = hashlib.sha256(f"{run_seed}:{sample_id}".encode("utf-8", "surrogatepass")).digest()
    return int.from_bytes(digest[:8], "big") >> 1


def _short(value: object) -> str:
    text = json.dumps(value, sort_keys=True) if isinstance(value, dict) else str(value)
    return text if len(text) <= 60 else text[:57] + "..."
