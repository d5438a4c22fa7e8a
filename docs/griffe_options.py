"""Extension of griffe: functions that take a list of options, as `tpgbench.run` does.

griffe reads the source, where such a function has ``**options: Unpack[...]`` and ``<options>`` in
its docstring. The signature and the documentation that the package gives it when it is imported
take their place.
"""

from __future__ import annotations

import importlib
import inspect
import re
from typing import Any

import griffe


class OptionLists(griffe.Extension):
    """Show each option of a list by its name, type, default and description."""

    def on_function_instance(self, *, func: griffe.Function, **_: Any) -> None:
        """Replace what the source says of a function that takes a list of options."""
        if func.docstring is None or "<options>" not in func.docstring.value or not func.parent:
            return
        function = getattr(importlib.import_module(func.parent.path), func.name)
        func.docstring.value = inspect.getdoc(function) or ""
        signature = inspect.signature(function)
        func.parameters = griffe.Parameters(*map(_parameter, signature.parameters.values()))


def _parameter(given: inspect.Parameter) -> griffe.Parameter:
    annotation = inspect.formatannotation(given.annotation)
    required = given.default is inspect.Parameter.empty
    return griffe.Parameter(
        given.name,
        annotation=re.sub(r"(?:\w+\.)+(\w+)", r"\1", annotation).strip("'"),
        kind=griffe.ParameterKind[given.kind.name.lower()],
        default=None if required else repr(given.default),
    )
