"""Engines: how the batches of a plan get done. Each is one file beside `base`."""
