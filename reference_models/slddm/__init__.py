"""SLDDM-TPG: a semi-supervised latent diffusion model conditioned on disentangled features.

Importing the package imports nothing heavy; each name is loaded when it is first used.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ...core.lazy import lazy_names

if TYPE_CHECKING:
    from .conditioner import Conditioner
    from .ldn import LDN
    from .pipeline import SLDDMPipeline
    from .release import convert_slddm_release
    from .release_networks import load_release_ldn, load_release_unet
    from .unet import SLDDMUNet

__all__ = [
    "LDN",
    "Conditioner",
    "SLDDMPipeline",
    "SLDDMUNet",
    "convert_slddm_release",
    "load_release_ldn",
    "load_release_unet",
]

__getattr__, __dir__ = lazy_names(
    __name__,
    {
        "Conditioner": "conditioner",
        "LDN": "ldn",
        "SLDDMPipeline": "pipeline",
        "SLDDMUNet": "unet",
        "convert_slddm_release": "release",
        "load_release_ldn": "release_networks",
        "load_release_unet": "release_networks",
    },
)
