"""Comparing runs: which differences are significant, and which run is best."""
