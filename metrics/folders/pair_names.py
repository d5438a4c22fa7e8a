"""Which generated image belongs to which real one, by their names."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass

from ...core.errors import TpgbenchError
from .image_source import ImageSource

# Longest first: "a__b" is not "a" and "_b".
_CONVENTIONS = {"__": "PERSON__GARMENT", "_": "PERSON_GARMENT"}


@dataclass(frozen=True)
class Matched:
    """Pairs of two folders.

    Attributes:
        order: The position of each real image's output.
        note: How the names were read, where they are not equal; else empty.
    """

    order: tuple[int, ...]
    note: str = ""


@dataclass(frozen=True)
class _Split:
    """One way to read a name as that of a real image and something else."""

    person: str
    joint: str
    garment: str


def match_names(truths: ImageSource, outputs: ImageSource) -> Matched:
    """Return the output of each real image.

    Names are equal, or every output is named after a person and a garment, ``00055_00_00055_00`` or
    ``00055_00__00055_00``, where the person is the name of a real image. An output whose garment is
    that of another person has no ground truth and is refused.

    Args:
        truths: The real images.
        outputs: The generated ones.

    Raises:
        TpgbenchError: A real image has no output, or more than one; or a name belongs to none, can
            be read in two ways, or in another way than the others.
    """
    known = frozenset(truths.ids)
    note = ""
    names: Sequence[str] = outputs.ids
    if known != set(names):
        splits = _read(known, truths, outputs)
        if splits is not None:
            _refuse_other_garments(known, splits, truths, outputs)
            names = [split.person for split in splits]
            note = (
                f"{outputs.path}: names read as {_CONVENTIONS[splits[0].joint]}, the person's "
                f"being that in {truths.path}"
            )
    _check_one_each(known, names, truths, outputs)
    places = {name: index for index, name in enumerate(names)}
    return Matched(tuple(places[name] for name in truths.ids), note)


def _read(known: frozenset[str], truths: ImageSource, outputs: ImageSource) -> list[_Split] | None:
    """Read all names by one convention; None if none is read by any."""
    if known >= set(outputs.ids):  # equal names, of which some are not there
        return None
    readings = [_splits(name, known) for name in outputs.ids]
    for joint in _CONVENTIONS:
        found = [[one for one in splits if one.joint == joint] for splits in readings]
        if not all(found):
            continue
        for name, splits in zip(outputs.ids, found, strict=True):
            if len(splits) > 1:
                raise TpgbenchError(
                    f"{outputs.path}: '{name}' may belong to '{splits[0].person}' or to "
                    f"'{splits[1].person}' in {truths.path}: give it the name of one of them, or "
                    "write PERSON__GARMENT"
                )
        return [splits[0] for splits in found]
    kinds: dict[str, list[str]] = {}
    for name, splits in zip(outputs.ids, readings, strict=True):
        kind = "of equal names" if name in known else None
        if kind is None and splits:
            kind = f"named {_CONVENTIONS[splits[0].joint]}"
        if kind is not None:
            kinds.setdefault(kind, []).append(name)
    if len(kinds) > 1:
        counts = " and ".join(
            f"{len(those)} {kind} ('{those[0]}')" for kind, those in kinds.items()
        )
        raise TpgbenchError(f"{outputs.path}: mixes images {counts}: name all of them in one way")
    return None


def _splits(name: str, known: Collection[str]) -> list[_Split]:
    """Return every way to read a name as a known one, a joint and the rest."""
    found = []
    start = name.rfind("/") + 1
    for end in range(start + 1, len(name) - 1):
        if name[end] != "_" or name[:end] not in known:
            continue
        joint = "__" if name.startswith("__", end) else "_"
        garment = name[end + len(joint) :]
        if garment:
            found.append(_Split(name[:end], joint, garment))
    return found


def _refuse_other_garments(
    known: Collection[str], splits: Sequence[_Split], truths: ImageSource, outputs: ImageSource
) -> None:
    """Refuse unpaired images: the real photo shows the person in another garment."""
    garments = {_garment_of(name) for name in known}
    others = [
        (name, split)
        for name, split in zip(outputs.ids, splits, strict=True)
        if _garment_of(split.garment) != _garment_of(split.person)
        and _garment_of(split.garment) in garments
    ]
    if others:
        name, split = others[0]
        raise TpgbenchError(
            f"{outputs.path}: {len(others)} of {len(splits)} images are unpaired: by its name "
            f"'{name}' shows '{split.person}' in the garment of another, '{split.garment}', of "
            f"which {truths.path} has no true photo: give unpaired images as --unpaired, for "
            "metrics of sets"
        )


def _garment_of(name: str) -> str:
    """Return what the names of a person and of their own garment share.

    They are equal in VITON-HD (``00055_00``) and differ in the last number in Dress Code
    (``048392_0`` and ``048392_1``).
    """
    stem = name.rpartition("/")[2]
    front, joint, number = stem.rpartition("_")
    return front if joint and number.isdecimal() else stem


def _check_one_each(
    known: Collection[str], names: Sequence[str], truths: ImageSource, outputs: ImageSource
) -> None:
    uses = Counter(names)
    alone = sorted(uses.keys() ^ set(known))
    if alone:
        raise TpgbenchError(
            f"{truths.path} holds {len(truths)} images and {outputs.path} {len(outputs)}; "
            f"{len(alone)} names are in one of them only: {_few(alone)}: give both sides of a "
            "pair the same name"
        )
    twice = [name for name, count in uses.items() if count > 1]
    if twice:
        of = [one for one, name in zip(outputs.ids, names, strict=True) if name == twice[0]]
        raise TpgbenchError(
            f"{outputs.path}: {len(twice)} images of {truths.path} have more than one output; the "
            f"first, '{twice[0]}', has {_few(of)}: keep one"
        )


def _few(names: Sequence[str], shown: int = 5) -> str:
    return ", ".join(names[:shown]) + (", ..." if len(names) > shown else "")
