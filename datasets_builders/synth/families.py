"""The pattern families, by name. A family draws a `Design` from a generator."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np

from ..synth import motifs, organic, woven
from .canvas import Design
from .wallpaper import wallpaper

FAMILIES: Mapping[str, Callable[[np.random.Generator], Design]] = {
    "stripes": woven.stripes,
    "tartan": woven.tartan,
    "gingham": woven.gingham,
    "houndstooth": woven.houndstooth,
    "argyle": woven.argyle,
    "dots": motifs.dots,
    "floral": motifs.floral,
    "paisley": motifs.paisley,
    "lettering": motifs.lettering,
    "placed": motifs.placed,
    "wallpaper": wallpaper,
    "camouflage": organic.camouflage,
    "voronoi": organic.voronoi,
    "blotches": organic.blotches,
    "leopard": organic.leopard,
}

# How a caption calls them.
PHRASES: Mapping[str, str] = {
    "stripes": "striped",
    "dots": "polka dot",
    "wallpaper": "ornamental",
    "voronoi": "mosaic",
    "blotches": "blotched",
    "placed": "placed motif",
}
