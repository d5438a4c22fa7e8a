"""Scoring: metrics over a run's images, or over external images."""
