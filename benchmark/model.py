"""What a model is: its card, its typed options, and how the harness calls it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar, Generic

from pydantic import BaseModel, ConfigDict
from typing_extensions import TypeVar

from ..core.errors import TpgbenchError
from ..core.images import Image
from ..core.registry import BUILTIN_MODELS, Registry
from ..core.weights import WeightFile
from .sample import AnySample, Sample

GivenSample = TypeVar("GivenSample", bound=AnySample, default=Sample)


class ModelCard(BaseModel):
    """Who made a model, from what, and under which terms.

    Attributes:
        title: One line.
        source: Paper or repository.
        licence: SPDX identifier of the code and weights.
        weights: The files that it needs.
        parameters: How many trainable and frozen parameters it has.
        trained_on: The training data, or None if nothing was trained.
        limits: Where it is known to fail.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    title: str
    source: str
    licence: str
    weights: tuple[WeightFile, ...] = ()
    parameters: int = 0
    trained_on: str | None = None
    limits: str = ""


class ModelConfig(BaseModel):
    """Base of a model's options. Each field has a type, a default, bounds and a description."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Model(ABC, Generic[GivenSample]):
    """A generator: subclass it, one file a model.

    A model of the task ``tpg`` subclasses ``Model``, one of the task ``mannequin``
    ``Model[MannequinSample]``.

    `generate` must be a function of its arguments and the options alone: no state may carry
    over from one call to the next, so that order, sharding and a restart change nothing.
    ``version`` is raised whenever the images change for equal options.
    """

    name: ClassVar[str]
    task: ClassVar[str]
    version: ClassVar[int] = 1
    card: ClassVar[ModelCard]
    config_type: ClassVar[type[ModelConfig]] = ModelConfig
    devices: ClassVar[tuple[str, ...]] = ("cpu",)  # add "cuda", "mps" where it can run there
    precisions: ClassVar[tuple[str, ...]] = ("fp32",)  # the first is the default
    batch_size: ClassVar[int] = 1  # unless the user says otherwise

    def __init__(self, config: ModelConfig) -> None:
        self.config = config

    def weight_files(self, weights: str | None) -> Mapping[str, Path]:
        """Return the files that the images depend on, found without loading a network.

        Their names and SHA-256 are part of the run's identity, which is made before anything is
        loaded: do not import torch here. Refuse here whatever can be refused without it: a
        missing folder, a damaged file, weights of another model.

        Args:
            weights: A folder or hub id given by the user, or None for the model's own.

        Returns:
            Name -> file. A name does not depend on where the folder is.

        Raises:
            TpgbenchError: The weights are unavailable, damaged, or of another model.
        """
        if weights is not None:
            raise TpgbenchError(f"--weights {weights}: the model '{self.name}' has no weights")
        return {}

    # Most models have nothing to load.
    def load(self, device: str, precision: str, weights: str | None) -> None:
        """Get ready to generate.

        Args:
            device: ``"cpu"``, ``"cuda:0"``, ``"mps"``.
            precision: One of ``precisions``.
            weights: As for `weight_files`.

        Raises:
            TpgbenchError: The weights cannot be loaded.
        """

    @abstractmethod
    def generate(self, samples: Sequence[GivenSample], seeds: Sequence[int]) -> Sequence[Image]:
        """Return one uint8 image (size, size, 3) a sample, in order.

        Args:
            samples: The batch.
            seeds: One a sample, 0 <= seed < 2**63; all of a sample's randomness comes from it.
        """


MODELS: Registry[Model[Any]] = Registry(
    "model",
    "tpgbench.models",
    Model,  # type: ignore[type-abstract]
    BUILTIN_MODELS,
)
