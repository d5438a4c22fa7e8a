"""The command line: it parses, calls `tpgbench.api`, and prints."""

from .app import main

__all__ = ["main"]
