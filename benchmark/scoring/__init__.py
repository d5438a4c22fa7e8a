"""Scoring: metrics over a run's images, or over images made elsewhere."""
