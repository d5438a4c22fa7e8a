"""Masks for photos that have none: from a plain background, or by a segmentation model."""
