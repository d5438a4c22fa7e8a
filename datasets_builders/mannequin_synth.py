"""mannequin-synth: photos of whole dressed figures and their captions, rendered when asked for."""

from __future__ import annotations

from typing import ClassVar

from .base import DatasetCard, DatasetSource, MannequinRow
from .reading.rendered import LICENCE, RenderedSplit
from .synth.identity import MANNEQUIN_VERSION, row_id
from .synth.streams import SceneKey

ROWS = {"validation": 200, "test": 200, "paired": 200}
CONDITIONED = "paired"


class MannequinSynthDataset(RenderedSplit):
    """One split: a row is a scene. ``train`` has no end; ``paired`` has conditions."""

    task = "mannequin"
    fit = "pad"

    def __init__(self, name: str, split: str, *, size: int, seed: int) -> None:
        """Open a split.

        Raises:
            TpgbenchError: The size is outside 64 to 1024, or the seed negative.
        """
        super().__init__(
            name,
            split,
            rows=ROWS.get(split),
            size=size,
            seed=seed,
            version=MANNEQUIN_VERSION,
            options={},
        )

    def _row_id(self, index: int) -> str:
        return row_id(self._scene(index))

    def _render(self, index: int) -> MannequinRow:
        from .synth.mannequin import render_mannequin

        conditioned = self.split == CONDITIONED
        return render_mannequin(self._scene(index), size=self.size, conditioned=conditioned)

    def _scene(self, index: int) -> SceneKey:
        return SceneKey(self._seed, self.split, index)


class MannequinSynth(DatasetSource):
    """Whole figures from head to feet; the caption says what they wear, and how they stand."""

    name: ClassVar[str] = "mannequin-synth"
    task: ClassVar[str] = "mannequin"
    card: ClassVar[DatasetCard] = DatasetCard(
        title="Procedural photos of whole dressed figures, with captions in a closed vocabulary",
        source="tpgbench (rendered on the fly, nothing to download)",
        licence=LICENCE,
        limits=(
            "The figures, garments and patterns are drawn, not photographed: a good number here "
            "says little about real photos.",
            "Captions are composed from templates; they say nothing of hair, skin or shoes.",
            "Only the split 'paired' has conditions.",
        ),
    )
    splits: ClassVar[tuple[str, ...]] = ("train", *ROWS)
    default_size: ClassVar[int] = 128
    embedded: ClassVar[bool] = True

    def open(self, split: str, *, size: int | None = None, seed: int = 0) -> MannequinSynthDataset:
        """Return one split; nothing is rendered before a row is asked for.

        Args:
            split: ``"train"`` (endless), ``"validation"``, ``"test"``, or ``"paired"``, whose rows
                have a condition: the silhouette of figure and garment.
            size: Side of the photo, 64 to 1024 pixels.
            seed: Another seed is another dataset.

        Raises:
            UnknownNameError: No such split.
            TpgbenchError: The size or the seed is out of range.
        """
        self.check_split(split)
        size = self.default_size if size is None else size
        return MannequinSynthDataset(self.name, split, size=size, seed=seed)
