"""Captions of whole figures: what they state, in a small closed vocabulary."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from .colours import COLOURS
from .families import FAMILIES, PHRASES
from .garments import GARMENTS
from .streams import pick

_POSES: Mapping[str, str] = {
    "arms down": "with both arms down",
    "hand on hip": "with one hand on the hip",
    "hands on hips": "with both hands on the hips",
    "arms out": "with both arms out",
    "arm raised": "with one arm raised",
    "arms raised": "with both arms raised",
}
_BACKGROUNDS: Mapping[str, str] = {
    "studio": "in a {wall} studio",
    "room": "in a {wall} room",
    "plaster": "in front of a {wall} plaster wall",
    "panels": "in front of a {wall} panelled wall",
    "lights": "in front of a {wall} wall with lights",
}
_PATTERNED = (
    "a {colours} {pattern} {garment}",
    "a {pattern} {garment} in {colours}",
    "a {garment} with a {colours} {pattern} pattern",
)
_PLAIN = "a plain {colour} {garment}"
_SENTENCES = (
    "a {who} wears {outfit}, {pose}, {background}",
    "a {who} in {outfit} stands {pose} {background}",
    "photo of a {who} {pose} in {outfit}, {background}",
    "{background}, a {who} stands {pose}, wearing {outfit}",
    "{outfit}, worn by a {who} {pose}, {background}",
)
_WHO = ("model", "person", "mannequin")
_PLURAL = frozenset({"trousers"})
_ARTICLES = ("a", "an")


@dataclass(frozen=True)
class Facts:
    """What a photo of a whole figure shows, in the words that stand for it.

    Attributes:
        garment: The patterned garment, a key of `GARMENTS`.
        family: Its pattern's family, a key of `FAMILIES`.
        colours: One to three of `COLOURS`, the largest area first.
        companion: The plain garment with it, a key of `GARMENTS`, or None.
        companion_colour: One of `COLOURS`, or None.
        pose: One of `POSES`.
        background: One of `BACKGROUNDS`.
        wall: The background's colour, one of `COLOURS`.
    """

    garment: str
    family: str
    colours: tuple[str, ...]
    companion: str | None
    companion_colour: str | None
    pose: str
    background: str
    wall: str


def write_caption(rng: np.random.Generator, facts: Facts) -> str:
    """Return one of many sentences that state all the facts, in lower case."""
    outfit = _worn(pick(rng, _PATTERNED), facts.garment).format(
        colours=_listed(facts.colours),
        pattern=PHRASES.get(facts.family, facts.family),
        garment=facts.garment,
    )
    if facts.companion is not None:
        plain = _worn(_PLAIN, facts.companion)
        outfit += " and " + plain.format(colour=facts.companion_colour, garment=facts.companion)
    sentence = pick(rng, _SENTENCES).format(
        who=pick(rng, _WHO),
        outfit=outfit,
        pose=_POSES[facts.pose],
        background=_BACKGROUNDS[facts.background].format(wall=facts.wall),
    )
    return re.sub(r"\ba (?=[aeiou])", "an ", sentence)


def words(caption: str) -> list[str]:
    """Return a caption's tokens: its words, in lower case, and its commas."""
    return re.findall(r"[a-z-]+|,", caption.lower())


def vocabulary() -> tuple[str, ...]:
    """Return every token that `words` can find in a caption, sorted."""
    templates = [*_POSES.values(), *_BACKGROUNDS.values(), *_PATTERNED, _PLAIN, *_SENTENCES]
    texts = [re.sub(r"\{\w+\}", " ", template) for template in templates]
    texts += [PHRASES.get(family, family) for family in FAMILIES]
    texts += [*COLOURS, *GARMENTS, *_WHO, *_ARTICLES, "and", ","]
    return tuple(sorted({token for text in texts for token in words(text)}))


def _worn(phrase: str, garment: str) -> str:
    """Return a phrase without its article if the garment is a pair."""
    return phrase.removeprefix("a ") if garment in _PLURAL else phrase


def _listed(names: Sequence[str]) -> str:
    """Return ``"red"``, ``"red and white"`` or ``"red, white and navy"``."""
    *before, last = names
    return f"{', '.join(before)} and {last}" if before else last
