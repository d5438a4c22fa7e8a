"""The file that a training resumes from."""

from __future__ import annotations

import json
import pickle
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from ...core.errors import TpgbenchError
from ...core.files import explain_os_errors, open_atomic

_FORMAT = 1


def write_state(path: Path, state: Mapping[str, Any], identity: Mapping[str, Any]) -> None:
    """Write a state whole or not at all; the previous one stays until then.

    Args:
        path: The file.
        state: Tensors, numbers, strings and containers of them.
        identity: Of the training, as JSON values.

    Raises:
        TpgbenchError: The disk is full, read-only, or otherwise refuses.
    """
    document = {"format": _FORMAT, "identity": json.dumps(identity), **state}
    with explain_os_errors(path), open_atomic(path) as stream:
        torch.save(document, stream)


def read_state(path: Path, identity: Mapping[str, Any]) -> dict[str, Any] | None:
    """Read the state of this training.

    Returns:
        What `write_state` was given, on the CPU, or None where there is no file.

    Raises:
        TpgbenchError: It is damaged, of a newer tpgbench, or of another training.
    """
    if not path.exists():
        return None
    try:
        state: dict[str, Any] = torch.load(path, map_location="cpu", weights_only=True)
        written, found = state["format"], json.loads(state["identity"])
    except (
        OSError,
        EOFError,
        KeyError,
        TypeError,
        ValueError,
        RuntimeError,
        pickle.UnpicklingError,
    ) as error:
        raise TpgbenchError(
            f"{path}: not a complete state of a training ({type(error).__name__}); remove it to "
            "start over"
        ) from error
    if written != _FORMAT:
        raise TpgbenchError(
            f"{path}: a state of format {written}, this tpgbench reads {_FORMAT}; resume with the "
            "tpgbench that wrote it, or train in another folder"
        )
    difference = _difference(found, json.loads(json.dumps(identity)))
    if difference:
        raise TpgbenchError(
            f"{path}: of another training, {difference}; give the same settings, or another folder"
        )
    return state


def trained_tensors(module: nn.Module) -> dict[str, Tensor]:
    """Return what training changes: parameters that are not frozen, and persistent buffers."""
    frozen = {
        name
        for name, parameter in module.named_parameters(remove_duplicate=False)
        if not parameter.requires_grad
    }
    return {name: value for name, value in module.state_dict().items() if name not in frozen}


def load_trained_tensors(module: nn.Module, tensors: Mapping[str, Tensor], path: Path) -> None:
    """Load tensors of `trained_tensors` into a module.

    Raises:
        TpgbenchError: They are of another network: names or shapes differ.
    """
    ours = {name: list(value.shape) for name, value in trained_tensors(module).items()}
    theirs = {name: list(value.shape) for name, value in tensors.items()}
    difference = _difference(theirs, ours)
    if difference:
        raise TpgbenchError(
            f"{path}: of another network, the shape of {difference}; give the same settings, or "
            "another folder"
        )
    module.load_state_dict(dict(tensors), strict=False)


def _difference(found: Any, wanted: Any, name: str = "") -> str | None:
    """Describe the first difference of two JSON values."""
    if isinstance(found, dict) and isinstance(wanted, dict):
        for key in sorted(found.keys() | wanted.keys()):
            inner = f"{name}.{key}" if name else key
            difference = _difference(found.get(key), wanted.get(key), inner)
            if difference:
                return difference
        return None
    if found == wanted:
        return None
    return f"{name} was {json.dumps(found)} and is {json.dumps(wanted)}"
