"""SLDDM-TPG: a semi-supervised latent diffusion model conditioned on disentangled features.

Importing the package imports nothing heavy; each name is loaded when it is first used.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .conditioner import Conditioner
    from .ldn import LDN
    from .release import convert_slddm_release
    from .release_networks import load_release_ldn, load_release_unet
    from .unet import SLDDMUNet

__all__ = [
    "LDN",
    "Conditioner",
    "SLDDMUNet",
    "convert_slddm_release",
    "load_release_ldn",
    "load_release_unet",
]

_MODULES = {
    "Conditioner": "conditioner",
    "LDN": "ldn",
    "SLDDMUNet": "unet",
    "convert_slddm_release": "release",
    "load_release_ldn": "release_networks",
    "load_release_unet": "release_networks",
}


def __getattr__(name: str) -> Any:
    if name not in _MODULES:
        raise AttributeError(f"module '{__name__}' has no attribute '{name}'")
    return getattr(import_module(f".{_MODULES[name]}", __name__), name)


def __dir__() -> list[str]:
    return __all__
