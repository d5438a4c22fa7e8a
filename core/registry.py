"""Registries of models, metrics and datasets: names to classes, imported on first use.

A registry maps a short name to a target, ``"package.module:Class"``; listing names imports
nothing. Other packages add names through an entry point of the registry's group, so a user only
needs ``pip install their-package``.
"""

from __future__ import annotations

import importlib
import inspect
from collections.abc import Iterator, Mapping
from functools import cached_property
from importlib.metadata import EntryPoint, entry_points
from typing import Generic, TypeVar, cast

from .errors import TpgbenchError, UnknownNameError

T = TypeVar("T")

# One line per model, metric and dataset. The keys are the names on the command line.
BUILTIN_MODELS = {
    "autofill": "tpgbench.baselines.autofill:Autofill",
    "crop": "tpgbench.baselines.crop:Crop",
    "lattice": "tpgbench.baselines.lattice:Lattice",
    "lora-dae": "tpgbench.reference_models.lora_dae.model:LoraDae",
    "quilting": "tpgbench.baselines.quilting:Quilting",
    "slddm": "tpgbench.reference_models.slddm.model:SLDDM",
    "slddm-fill": "tpgbench.reference_models.slddm.model:SLDDMFill",
    "tile-crop": "tpgbench.baselines.tile_crop:TileCrop",
}
BUILTIN_METRICS = {
    "clip_score": "tpgbench.metrics.clip_score:ClipScoreMetric",
    "cts": "tpgbench.metrics.cts:CTSMetric",
    "fid": "tpgbench.metrics.fid:FIDMetric",
    "is": "tpgbench.metrics.inception_score:InceptionScoreMetric",
    "kid": "tpgbench.metrics.kid:KIDMetric",
    "lpips": "tpgbench.metrics.lpips:LPIPSMetric",
    "lpips_garment": "tpgbench.metrics.lpips_garment:LPIPSGarmentMetric",
    "mse": "tpgbench.metrics.mse:MSEMetric",
    "palette": "tpgbench.metrics.palette:PaletteMetric",
    "psnr": "tpgbench.metrics.psnr:PSNRMetric",
    "psnr_shift": "tpgbench.metrics.shift:PSNRShiftMetric",
    "repeat": "tpgbench.metrics.repeat:RepeatMetric",
    "retrieval": "tpgbench.metrics.retrieval:RetrievalMetric",
    "retrieval_colour": "tpgbench.metrics.retrieval_colour:RetrievalColourMetric",
    "ssim": "tpgbench.metrics.ssim:SSIMMetric",
    "ssim_shift": "tpgbench.metrics.shift:SSIMShiftMetric",
    "texture_band": "tpgbench.metrics.texture_band:TextureBandMetric",
    "tileability": "tpgbench.metrics.tileability:TileabilityMetric",
}
BUILTIN_DATASETS = {
    "ctp-hd": "tpgbench.datasets_builders.ctp_hd:CtpHd",
    "ctp-synth": "tpgbench.datasets_builders.ctp_synth:CtpSynth",
    "ctp-synth-unaligned": "tpgbench.datasets_builders.ctp_synth:CtpSynthUnaligned",
    "fashion-mannequin": "tpgbench.datasets_builders.fashion_mannequin:FashionMannequin",
    "mannequin-synth": "tpgbench.datasets_builders.mannequin_synth:MannequinSynth",
    "viton-hd": "tpgbench.datasets_builders.viton_hd:VitonHd",
}


class Registry(Generic[T]):
    """The classes of one kind, by name.

    Args:
        kind: The kind, for error messages: ``"model"``.
        group: The entry-point group that other packages use: ``"tpgbench.models"``.
        base: The base class of every target.
        builtin: Name to ``"module:Class"``, for those that ship with tpgbench.
    """

    def __init__(self, kind: str, group: str, base: type[T], builtin: Mapping[str, str]) -> None:
        self.kind = kind
        self.group = group
        self.base = base
        self._builtin = dict(builtin)
        self._collisions: dict[str, str] = {}

    @cached_property
    def _targets(self) -> dict[str, str]:
        targets = dict(self._builtin)
        owners = dict.fromkeys(targets, "tpgbench")
        for point in entry_points(group=self.group):
            owner = _owner(point)
            if point.name in targets and targets[point.name] != point.value:
                self._collisions[point.name] = (
                    f"two packages define the {self.kind} '{point.name}': {owners[point.name]} "
                    f"and {owner}; uninstall one of them"
                )
                continue
            targets[point.name] = point.value
            owners[point.name] = owner
        return targets

    def __iter__(self) -> Iterator[str]:
        return iter(sorted(self._targets))

    def __contains__(self, name: str) -> bool:
        return name in self._targets

    def load_all(self) -> tuple[dict[str, type[T]], tuple[str, ...]]:
        """Import all classes.

        Returns:
            The classes by name, and an error message for each that cannot be imported: a broken
            entry of another package must not hide the rest.
        """
        found: dict[str, type[T]] = {}
        broken: list[str] = []
        for name in self:
            try:
                found[name] = self.get(name)
            except TpgbenchError as error:
                broken.append(str(error))
        return found, tuple(broken)

    def get(self, name: str) -> type[T]:
        """Import and return the class behind ``name``.

        Raises:
            UnknownNameError: No such name; the message suggests the nearest one.
            TpgbenchError: The target cannot be imported, is not of this kind, is incomplete, or
                has another name.
        """
        if name not in self._targets:
            raise UnknownNameError(self.kind, name, self._targets)
        if name in self._collisions:
            raise TpgbenchError(self._collisions[name])
        target = self._targets[name]
        module_name, _, attribute = target.partition(":")
        try:
            found = getattr(importlib.import_module(module_name), attribute)
        except (Exception, SystemExit) as error:  # a module of another package may raise anything
            raise TpgbenchError(
                f"the {self.kind} '{name}' cannot be loaded from {target}: "
                f"{_described(error, module_name)}; reinstall the package that provides it, or "
                "report this to its authors"
            ) from error
        self.check(found, f"'{name}' at {target}")
        called = getattr(found, "name", name)
        if called != name:  # results would carry the name of something else
            raise TpgbenchError(
                f"the {self.kind} '{name}' at {target} calls itself '{called}': give the entry "
                "point and the class one name"
            )
        return cast("type[T]", found)

    def check(self, found: object, where: str) -> None:
        """Refuse what is no complete class of this kind.

        Args:
            found: The class.
            where: Its name and place, for the message: ``"'crop' at package.module:Class"``.

        Raises:
            TpgbenchError: It is none, or lacks something.
        """
        if not (isinstance(found, type) and issubclass(found, self.base)):
            raise TpgbenchError(f"the {self.kind} {where} is not a {self.base.__name__} class")
        lacking = _lacking(found)
        if lacking:
            raise TpgbenchError(
                f"the {self.kind} {where} lacks {', '.join(lacking)}: see the docstring of "
                f"{self.base.__name__}"
            )


def _lacking(found: type) -> list[str]:
    """Return the class variables and methods that our base classes declare and a class has not."""
    declared = {
        name
        for one in found.__mro__
        if one.__module__.partition(".")[0] == __name__.partition(".")[0]
        for name, kind in inspect.get_annotations(one).items()
        if str(kind).startswith("ClassVar")
    }
    return sorted(
        {name for name in declared if not hasattr(found, name)}
        | getattr(found, "__abstractmethods__", frozenset())
    )


def _described(error: BaseException, module_name: str) -> str:
    """Return what failed: the module that raised, the kind of error, its first line."""
    failed = module_name
    trace = error.__traceback__
    while trace is not None:
        name = trace.tb_frame.f_globals.get("__name__", "")
        if name != __name__ and name.partition(".")[0] != "importlib":
            failed = name  # the innermost comes last
        trace = trace.tb_next
    line = next(iter(str(error).splitlines()), "")
    return f"in {failed}, {type(error).__name__}" + (f": {line}" if line else "")


def _owner(point: EntryPoint) -> str:
    return point.dist.name if point.dist is not None else point.value
