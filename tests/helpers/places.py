"""Where the checkout, the tests' data and their plug-in package are."""

from pathlib import Path

TESTS = Path(__file__).resolve().parents[1]
ROOT = TESTS.parent
DATA = TESTS / "data"
PLUGIN = TESTS / "plugin"
HELPERS = TESTS / "helpers"
