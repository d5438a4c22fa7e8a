"""A model's options: from ``key=value`` texts or Python values to its typed config."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from pydantic import ValidationError

from ..core.documents import first_problem
from ..core.errors import TpgbenchError, UnknownNameError
from .model import Model, ModelConfig


def parse_assignments(texts: Sequence[str]) -> dict[str, str]:
    """Split ``["steps=20", ...]``.

    Raises:
        TpgbenchError: A text is not ``key=value``, or a key is given twice.
    """
    options: dict[str, str] = {}
    for text in texts:
        key, equals, value = text.partition("=")
        if not equals or not key:
            raise TpgbenchError(f"-o {text}: write it as -o key=value")
        if key in options:
            raise TpgbenchError(f"-o {text}: the option '{key}' is given twice")
        options[key] = value
    return options


def make_config(model: type[Model], options: Mapping[str, Any]) -> ModelConfig:
    """Check the options of a model and return them with its defaults.

    Raises:
        UnknownNameError: The model has no such option; the message lists what it has.
        TpgbenchError: A value of the wrong type or out of bounds.
    """
    fields = model.config_type.model_fields
    for name in options:
        if name not in fields:
            raise UnknownNameError(f"option of {model.name}", name, fields)
    try:
        return model.config_type.model_validate(dict(options))
    except ValidationError as error:
        problem = first_problem(error)
        name = problem.field.partition(".")[0]
        default = fields[name].default if name in fields else "in tpgbench list models"
        raise TpgbenchError(f"-o {problem.in_options}; the default is {default}") from error
