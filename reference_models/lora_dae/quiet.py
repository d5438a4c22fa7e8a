"""diffusers and transformers without their chatter: see `shared.quiet`."""

from ..shared.quiet import quiet_libraries

__all__ = ["quiet_libraries"]
