"""ctp-synth: garment photos with known textile patterns, rendered when asked for."""

from __future__ import annotations

from typing import ClassVar

from .base import DatasetCard, DatasetSource, TpgRow, Track
from .reading.rendered import LICENCE, RenderedSplit
from .synth.identity import SEVERITIES, VERSION, row_id
from .synth.streams import SceneKey

ROWS = {"validation": 200, "test": 200, "robustness": 40 * len(SEVERITIES)}


class SynthDataset(RenderedSplit):
    """One split of a track.

    In ``robustness`` the rows ``5 i`` to ``5 i + 4`` show scene ``i`` at the severities 1 to 5;
    everywhere else a row is a scene of its own. ``train`` has no end.
    """

    task = "tpg"

    def __init__(self, name: str, track: Track, split: str, *, size: int, seed: int) -> None:
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
            version=VERSION,
            options={"track": track},
        )
        self.track = track

    def _row_id(self, index: int) -> str:
        return row_id(*self._scene(index))

    def _render(self, index: int) -> TpgRow:
        from .synth.render import render

        key, severity = self._scene(index)
        return render(key, size=self.size, track=self.track, severity=severity)

    def _scene(self, index: int) -> tuple[SceneKey, int | None]:
        if self.split == "robustness":
            scene, nth = divmod(index, len(SEVERITIES))
            return SceneKey(self._seed, self.split, scene), SEVERITIES[nth]
        return SceneKey(self._seed, self.split, index), None


class CtpSynth(DatasetSource):
    """The aligned track: the truth is the flat cloth in the square box of the garment's mask."""

    name: ClassVar[str] = "ctp-synth"
    task: ClassVar[str] = "tpg"
    card: ClassVar[DatasetCard] = DatasetCard(
        title="Procedural garment photos; the pattern lies flat in the garment's own frame",
        source="tpgbench (rendered on the fly, nothing to download)",
        licence=LICENCE,
        limits=(
            "The figures, garments and patterns are drawn, not photographed: a good number here "
            "says little about real photos.",
            "One flat cloth covers the whole garment; real sleeves and legs are cut separately.",
        ),
    )
    splits: ClassVar[tuple[str, ...]] = ("train", *ROWS)
    default_size: ClassVar[int] = 128
    embedded: ClassVar[bool] = True
    track: ClassVar[Track] = "aligned"

    def open(self, split: str, *, size: int | None = None, seed: int = 0) -> SynthDataset:
        """Return one split; nothing is rendered before a row is asked for.

        Args:
            split: ``"train"`` (endless), ``"validation"``, ``"test"`` or ``"robustness"``.
            size: Side of the pattern, 64 to 1024 pixels; the photo is twice as large.
            seed: Another seed is another dataset.

        Raises:
            UnknownNameError: No such split.
            TpgbenchError: The size or the seed is out of range.
        """
        self.check_split(split)
        size = self.default_size if size is None else size
        return SynthDataset(self.name, self.track, split, size=size, seed=seed)


class CtpSynthUnaligned(CtpSynth):
    """The unaligned track: the same photos; the truth is the pattern's canonical tile.

    It shows two repeats along x, unrotated, the motif's origin at the centre, while the garment
    wears the pattern at another phase, scale and rotation.
    """

    name: ClassVar[str] = "ctp-synth-unaligned"
    card: ClassVar[DatasetCard] = DatasetCard(
        title="Procedural garment photos; the pattern is a canonical tile",
        source=CtpSynth.card.source,
        licence=LICENCE,
        limits=(
            *CtpSynth.card.limits,
            "The truth is not aligned with the garment: only metrics that tolerate shift, scale "
            "and rotation are fair.",
        ),
    )
    track: ClassVar[Track] = "unaligned"
