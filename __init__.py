"""tpgbench: benchmark and datasets for textile pattern and fashion mannequin generation."""
