"""Pairs of two folders, matched by name, or the images of one folder, as the engine reads them."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator, Mapping, Sequence

from ...core.errors import TpgbenchError
from ...core.images import READING
from ..engine.source import Entry, ReadPair
from .file_pairs import FilePair, ImageSet, PictureFile, one_size
from .own_photos import OwnPhotos, Place
from .pair_names import match_names


class FolderPairs:
    """Generated images, each with what belongs to it.

    Args:
        generated: The generated images.
        real: The ground truth, if a metric needs it.
        photos: Where garments, masks, captions and meta are, if a metric needs one of them.
        needs: Which of ``garment``, ``mask``, ``caption`` and ``meta`` are needed.
        asked_by: The metrics that need them, for messages.

    Attributes:
        note: How names were read that are not equal; else empty.

    Raises:
        TpgbenchError: A name without a partner, or something that is needed and missing.
    """

    side = None

    def __init__(
        self,
        generated: ImageSet,
        real: ImageSet | None,
        photos: OwnPhotos | None = None,
        needs: frozenset[str] = frozenset(),
        asked_by: str = "",
    ) -> None:
        self._generated, self._real, self._photos = generated, real, photos
        outputs = generated.images
        self._order: Sequence[int] = range(len(outputs))
        self.note = ""
        if real is not None:
            matched = match_names(real.images, outputs)
            self._order, self.note = matched.order, matched.note
        self._places: list[dict[str, Place]] = [{} for _ in self._order]
        self._captions: dict[str, str] = {}
        if photos is not None:
            self._add_photos(photos, needs, asked_by)
        self._sizes = [(0, 0)] * len(self._order)
        self._digests: dict[str, list[bytes]] = {
            name: [b""] * len(self._order) for name in ("truth", "garment", "mask")
        }

    def __len__(self) -> int:
        return len(self._order)

    @property
    def fields(self) -> frozenset[str]:
        """The images of each pair apart from the output that unpaired metrics may use."""
        return frozenset() if self._real is None else frozenset({"truth"})

    @property
    def is_in_order(self) -> bool:
        """Whether the pairs are in the order of the generated images."""
        return list(self._order) == sorted(self._order)

    def sizes(self) -> Iterator[tuple[str, tuple[int, int], tuple[int, int]]]:
        """Yield the output's path, its width and height, and the ground truth's; nothing decoded.

        Pairs without a ground truth are left out.

        Raises:
            TpgbenchError: A file cannot be read, or is no image.
        """
        if self._real is None:
            return
        for index, place in enumerate(self._order):
            output = PictureFile(self._generated.images, place)
            truth = PictureFile(self._real.images, index)
            yield output.name, output.size, truth.size

    def open(self, index: int) -> tuple[Entry, ReadPair]:
        """Return a pair as a sample; its garment is its own."""
        sample_id = self._name(index)
        name = self._generated.images.name(self._order[index])
        return Entry(sample_id, sample_id, name=name), lambda: self._read(index)

    def context(self, needs: frozenset[str]) -> dict[str, str]:
        """Return what the recipe of a metric holds in addition to its own settings, after the pass.

        Args:
            needs: The fields of a pair that the metric needs in addition to the output.
        """
        outputs = self._generated.images
        context = {
            "n": str(len(self)),
            "size": one_size(self._sizes),
            "format": outputs.formats,
            "read": READING,
        }
        if needs:
            context["pairs"] = "by-name"
        if "truth" in needs and self._real is not None:
            context |= {"format-real": self._real.images.formats, "real": self._label("truth")}
        for field in ("garment", "mask"):
            if field in needs:
                context[field] = self._label(field)
        if "caption" in needs:
            context["captions"] = _digest(self._captions)
        if self._photos is not None:
            names = map(self._name, range(len(self)))
            meta = {name: dict(self._photos.meta(name)) for name in names}
            if any(meta.values()):
                context["meta"] = _digest(meta)
        return context

    def _name(self, index: int) -> str:
        if self._real is not None:
            return self._real.images.ids[index]
        return self._generated.images.ids[self._order[index]]

    def _read(self, index: int) -> FilePair:
        files = {name: PictureFile(*place) for name, place in self._places[index].items()}
        files["output"] = self._generated.open(self._order[index])
        if self._real is not None:
            files["truth"] = self._real.open(index)
        name = self._name(index)
        meta = None if self._photos is None else self._photos.meta(name)
        pair = FilePair(name, files, self._captions.get(name), meta).decode()
        self._sizes[index] = (pair.output.shape[1], pair.output.shape[0])
        for field, digests in self._digests.items():
            if field in files:
                digests[index] = hashlib.sha256(files[field].content).digest()
        return pair

    def _label(self, field: str) -> str:
        """Return what tells the images of one field from others, by their names and bytes."""
        whole = hashlib.sha256()
        for index, digest in enumerate(self._digests[field]):
            whole.update(hashlib.sha256(self._name(index).encode()).digest() + digest)
        return whole.hexdigest()[:8]

    def _add_photos(self, photos: OwnPhotos, needs: frozenset[str], asked_by: str) -> None:
        where, names = photos.path, [self._name(index) for index in range(len(self._order))]

        def require(field: str, find: Callable[[str], object], advice: str) -> None:
            lacking = [name for name in names if not find(name)]
            if lacking:
                raise TpgbenchError(
                    f"{where}: {asked_by} needs a {field} for each generated image, and "
                    f"{len(lacking)} of {len(names)} have none (first: '{lacking[0]}'): {advice}"
                )

        if needs & {"garment", "mask"}:
            advice = "put garment photos of the same names into it or into its garment/ folder"
            require("garment photo", photos.photos.get, advice)
        if "mask" in needs:
            advice = "put masks of the photos' names into its mask/ folder"
            require("mask", photos.masks.get, advice)
        if "caption" in needs:
            advice = "write it into metadata.jsonl (file_name, caption) or into NAME.txt"
            require("caption", photos.caption, advice)
            self._captions = {name: photos.caption(name) or "" for name in names}
        if "meta" in needs:
            require("row of facts", photos.meta, "write them into metadata.jsonl (file_name, ...)")
        for place, name in zip(self._places, names, strict=True):
            if "garment" in needs:
                place["garment"] = photos.photos[name]
            if "mask" in needs:
                place["mask"] = photos.masks[name]


def _digest(facts: Mapping[str, object]) -> str:
    text = json.dumps(sorted(facts.items()), ensure_ascii=True)
    return hashlib.sha256(text.encode()).hexdigest()[:8]
