"""Datasets: what a row is, how a source becomes rows, and the procedural renderer."""
