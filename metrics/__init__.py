"""Metrics: one file a metric. `base` holds the protocol, the value and its recipe."""
