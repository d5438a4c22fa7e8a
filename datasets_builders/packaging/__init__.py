"""Packaging datasets: from their owners' files, or rendered, to Parquet with a card and checks."""
