"""Models that are given as objects: a class, an instance, or a plain function."""

from __future__ import annotations

import hashlib
import inspect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from types import CodeType
from typing import Any, ClassVar

from ..core.errors import TpgbenchError
from ..core.images import Image, Mask
from .model import MODELS, Model, ModelCard, ModelConfig
from .model_options import make_config
from .sample import Sample

PatternFunction = Callable[[Image, Mask], Image]
AnyModel = str | type[Model[Any]] | Model[Any] | PatternFunction


@dataclass(frozen=True)
class GivenModel:
    """A model as a run takes it.

    Attributes:
        kind: Its class.
        instance: The very object to ask, where one was given.
        code: For a class that is not registered: the SHA-256 of its code, so that a run that was
            begun with other code is not resumed.
    """

    kind: type[Model[Any]]
    instance: Model[Any] | None = None
    code: str | None = None

    @classmethod
    def find(cls, model: AnyModel | GivenModel) -> GivenModel:
        """Return a model by its registered name, or one that is given as an object.

        Args:
            model: A registered name; a `Model` class, or an instance of one; or a function
                ``f(garment, mask) -> image`` for the task ``tpg``.

        Raises:
            UnknownNameError: No such name.
            TpgbenchError: The class is incomplete, or has the name of another, registered model.
        """
        if isinstance(model, GivenModel):
            return model
        if isinstance(model, str):
            return cls(MODELS.get(model))
        if isinstance(model, Model):
            return cls(type(model), model)._checked(model)
        if isinstance(model, type):
            return cls(model)._checked(model)
        if callable(model):
            return cls(_function_model(model))._checked(model)
        raise TpgbenchError(
            f"the model is a {type(model).__name__}: give a name of 'tpgbench list models', a "
            "Model class or instance, or a function f(garment, mask) -> image"
        )

    @property
    def code_digest(self) -> dict[str, str]:
        """What the run's identity holds of the code, beside the weights; empty if registered."""
        return {} if self.code is None else {"code": self.code}

    def config(self, options: Mapping[str, Any]) -> ModelConfig:
        """Return the options of the model; an instance has its own.

        Raises:
            TpgbenchError: Wrong options, or any for an instance.
        """
        if self.instance is None:
            return make_config(self.kind, options)
        if options:
            raise TpgbenchError(
                f"options {', '.join(options)}: the model is an instance, which has its own: give "
                "the class, or make the instance with them"
            )
        return self.instance.config

    def make(self, config: ModelConfig) -> Model[Any]:
        """Return the instance that was given, or a new one."""
        return self.kind(config) if self.instance is None else self.instance

    def _checked(self, given: Any) -> GivenModel:
        where = f"{self.kind.__module__}:{self.kind.__qualname__}"
        MODELS.check(self.kind, f"at {where}")
        name = self.kind.name
        if name not in MODELS:
            return replace(self, code=_code(self.kind if isinstance(given, Model) else given))
        if MODELS.get(name) is not self.kind:
            raise TpgbenchError(
                f"the model at {where} calls itself '{name}', which is the name of another model: "
                "give it a name of its own"
            )
        return self


def _function_model(function: PatternFunction) -> type[Model[Any]]:
    """Return a model class that calls a function for each sample."""
    called = getattr(function, "__name__", type(function).__name__)

    class FunctionModel(Model[Sample]):
        """A plain function as a model."""

        name: ClassVar[str] = called if called.isidentifier() else "function"
        task: ClassVar[str] = "tpg"
        card: ClassVar[ModelCard] = ModelCard(
            title=f"the function {called}", source="given in Python", licence="unknown"
        )

        def generate(self, samples: Sequence[Sample], seeds: Sequence[int]) -> list[Image]:
            return [function(sample.garment.copy(), sample.mask.copy()) for sample in samples]

    return FunctionModel


def _code(given: Any) -> str:
    """Return the SHA-256 of the source of a class or function; of its bytecode where it has none.

    What a function captures counts by its ``repr``; what it calls does not.
    """
    try:
        text = inspect.getsource(given)
    except (OSError, TypeError):
        text = ""
    digest = hashlib.sha256(text.encode())
    codes = [given, *vars(given).values()] if isinstance(given, type) else [given]
    for one in codes:
        code = getattr(one, "__code__", None)
        if isinstance(code, CodeType):
            _add_code(digest, code)
            captured = [cell.cell_contents for cell in one.__closure__ or ()]
            plain = [
                repr(value) for value in (*captured, *(one.__defaults__ or ())) if _plain(value)
            ]
            digest.update(repr(plain).encode())
    return digest.hexdigest()


def _add_code(digest: Any, code: CodeType) -> None:
    digest.update(code.co_code)
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            _add_code(digest, constant)
        else:
            digest.update(repr(constant).encode())
    digest.update(repr(code.co_names).encode())


def _plain(value: object) -> bool:
    return value is None or isinstance(value, bool | int | float | complex | str | bytes)
