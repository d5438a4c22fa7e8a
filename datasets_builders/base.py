"""What a dataset is: rows by index, and the class that a registry name stands for."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar, Literal

from ..core.errors import TpgbenchError, UnknownNameError
from ..core.images import Image, Mask
from ..core.registry import BUILTIN_DATASETS, Registry

FITS = ("box", "pad", "stretch")

# Which pattern of a garment is the ground truth in the task tpg: the one in the garment's own
# frame, or the canonical tile that ctp-synth-unaligned draws. A dataset whose patterns follow
# neither rule, such as CTP-HD, counts as aligned: no model can produce a form that has no rule.
Track = Literal["aligned", "unaligned"]


@dataclass(frozen=True)
class TpgRow:
    """One garment photo, as a dataset holds it: nothing is cropped or resized yet.

    Attributes:
        sample_id: Unique in its split; any Unicode.
        garment: The photo, uint8 (height, width, 3).
        mask: True on the garment's visible pixels, bool, as large as the photo.
        pattern: The flat textile pattern, uint8 of any size, or None for an unlabelled garment.
        garment_id: Rows of one garment share it.
        caption: A description, or None.
        meta: The dataset's own facts; JSON types only.
    """

    sample_id: str
    garment: Image
    mask: Mask
    pattern: Image | None
    garment_id: str
    caption: str | None = None
    meta: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class MannequinRow:
    """One photo of a person or mannequin that wears a garment, and what describes it.

    Attributes:
        sample_id: Unique in its split; any Unicode.
        caption: What the photo shows, in any language.
        condition: What else a model is given (a silhouette, a pose), uint8 of any size, or None.
        mask: True on the garment's visible pixels, bool, as large as the photo, or None.
        image: The photo, uint8 (height, width, 3).
        garment_id: Rows of one garment share it.
        meta: The dataset's own facts; JSON types only.
    """

    sample_id: str
    caption: str
    condition: Image | None
    mask: Mask | None
    image: Image
    garment_id: str
    meta: Mapping[str, Any] = field(default_factory=dict)


Row = TpgRow | MannequinRow


class Dataset(ABC):
    """One split of a dataset. Rows are read or rendered when asked for, never before.

    Attributes:
        name: The registry's name, or the folder's; one of several configurations follows it.
        task: ``"tpg"`` or ``"mannequin"``.
        split: ``"test"``, ...
        size: The side at which its samples are compared unless the user says otherwise.
        fit: How its photos are brought to that size unless the user says otherwise.
        track: Which pattern of a garment is its ground truth, for the task ``tpg``: `Track`.
        fingerprint: Hex digest of what determines the rows; equal prints, equal rows.
        licence: SPDX identifier, or the terms in a few words.
        published: How many rows the split has if it is one that its owner published, and complete;
            else None.
    """

    name: str
    task: str
    split: str
    size: int
    fit: str = "box"
    track: Track = "aligned"
    fingerprint: str
    licence: str
    published: int | None = None

    @abstractmethod
    def sample_ids(self, limit: int | None = None) -> Sequence[str]:
        """Return the ids of the first ``limit`` rows, or of all.

        Raises:
            TpgbenchError: The split is endless and no limit was given.
        """

    @abstractmethod
    def __getitem__(self, index: int) -> Row:
        """Return a row; safe to call from several threads.

        Raises:
            TpgbenchError: The row cannot be read.
            IndexError: There is no such row.
        """

    def __len__(self) -> int:
        return len(self.sample_ids())

    def __iter__(self) -> Iterator[Row]:
        index = 0
        while True:
            try:
                row = self[index]
            except IndexError:
                return
            yield row
            index += 1


@dataclass(frozen=True)
class DatasetCard:
    """What ``tpgbench list datasets`` and the card of a built dataset say.

    Attributes:
        title: One line.
        source: Paper or repository.
        licence: SPDX identifier, or the terms in a few words.
        citation: BibTeX, or empty if there is nothing to cite.
        limits: What a user must know before trusting a metric on it, one sentence each.
    """

    title: str
    source: str
    licence: str
    citation: str = ""
    limits: tuple[str, ...] = ()


class DatasetSource(ABC):
    """What a name in the dataset registry stands for: subclass it, one file per dataset.

    A procedural dataset implements `open`; `procedural.build_procedural` packages what it opens.
    A dataset that is packaged from its owner's files subclasses `build.PackagedDataset`.
    """

    name: ClassVar[str]
    task: ClassVar[str]
    card: ClassVar[DatasetCard]
    splits: ClassVar[tuple[str, ...]]
    default_size: ClassVar[int]
    embedded: ClassVar[bool] = False  # True: `open` works with nothing downloaded

    def open(self, split: str, *, size: int | None = None, seed: int = 0) -> Dataset:
        """Return one split, ready to read.

        Args:
            split: One of ``splits``.
            size: Side of the rendered pattern, for a procedural dataset; None for the default.
            seed: Another seed is another dataset, for a procedural one.

        Raises:
            TpgbenchError: The dataset must first be built from its owner's files.
        """
        raise TpgbenchError(
            f"{self.name} is not shipped with tpgbench: build it from your copy with 'tpgbench "
            f"build-dataset {self.name} --source DIR --out DIR', then give --dataset that folder"
        )

    def check_split(self, split: str) -> None:
        """Raise unless ``split`` is one of this dataset's.

        Raises:
            UnknownNameError: With the nearest name.
        """
        if split not in self.splits:
            raise UnknownNameError(f"split of {self.name}", split, self.splits)


DATASETS: Registry[DatasetSource] = Registry(
    "dataset", "tpgbench.datasets", DatasetSource, BUILTIN_DATASETS
)
