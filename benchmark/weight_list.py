"""All weights that models and metrics need: where they are and how to get them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from pydantic import BaseModel, ConfigDict

from ..core.errors import UnknownNameError
from ..core.hub import HubModel, find_hub_model, get_hub_model, how_to_get_hub_model, hub_location
from ..core.weights import WeightFile, find_weights, get_weights, how_to_get, weights_folder
from ..metrics.base import METRICS
from .model import MODELS


class WeightStatus(BaseModel):
    """One file of weights, or one model of the hub.

    Attributes:
        name: The file's name, or the hub model's short one.
        path: Where it is, or None.
        needed_by: ``"metric lpips"``, ...
        blocks: Those that cannot run without it: all of them where it is missing.
        how_to_get: One line.
        licence: Its terms.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str
    path: str | None
    needed_by: tuple[str, ...]
    blocks: tuple[str, ...]
    how_to_get: str
    licence: str


def list_weights() -> tuple[WeightStatus, ...]:
    """Return what the models and metrics of the registries need, in the order of their names."""
    found = []
    for weights, users in _needed().items():
        path = _find(weights)
        found.append(
            WeightStatus(
                name=weights.name,
                path=None if path is None else str(path),
                needed_by=users,
                blocks=users if path is None else (),
                how_to_get=(
                    how_to_get(weights)
                    if isinstance(weights, WeightFile)
                    else how_to_get_hub_model(weights)
                ),
                licence=weights.licence,
            )
        )
    return tuple(found)


def fetch_weights(name: str) -> list[Path]:
    """Download weights unless they are here, and check them.

    Args:
        name: A file's name, ``"clip"``, a metric or model that needs them, or ``"all"``.

    Returns:
        Where they are.

    Raises:
        TpgbenchError: No such name, or they cannot be downloaded.
    """
    return [
        get_weights(weights) if isinstance(weights, WeightFile) else get_hub_model(weights)
        for weights in _named(name)
    ]


def weight_paths(name: str) -> list[Path]:
    """Return where weights are, or would be looked for.

    Args:
        name: As in `fetch_weights`.

    Raises:
        UnknownNameError: No such name.
    """
    return [_find(weights) or _place(weights) for weights in _named(name)]


def _needed() -> dict[WeightFile | HubModel, tuple[str, ...]]:
    needed: dict[WeightFile | HubModel, list[str]] = {}
    for name, model in MODELS.load_all()[0].items():
        for file in model.card.weights:
            needed.setdefault(file, []).append(f"model {name}")
    for name, metric in METRICS.load_all()[0].items():
        both: tuple[WeightFile | HubModel, ...] = (*metric.weights, *metric.models)
        for weights in both:
            needed.setdefault(weights, []).append(f"metric {name}")
    return {weights: tuple(users) for weights, users in needed.items()}


def _named(name: str) -> Iterator[WeightFile | HubModel]:
    needed = _needed()
    known = {"all", *(weights.name for weights in needed)}
    known |= {user.partition(" ")[2] for users in needed.values() for user in users}
    if name not in known:
        raise UnknownNameError("weights", name, known)
    for weights, users in needed.items():
        if name in ("all", weights.name, *(user.partition(" ")[2] for user in users)):
            yield weights


def _find(weights: WeightFile | HubModel) -> Path | None:
    return find_weights(weights) if isinstance(weights, WeightFile) else find_hub_model(weights)


def _place(weights: WeightFile | HubModel) -> Path:
    if isinstance(weights, WeightFile):
        return weights_folder() / weights.name
    return weights_folder() / Path(hub_location(weights)).name
