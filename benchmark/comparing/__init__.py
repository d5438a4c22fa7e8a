"""Comparing: which differences between runs are more than noise, and which run is best."""
