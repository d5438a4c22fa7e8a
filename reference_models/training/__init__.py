"""The trainer: an objective and batches in, trained weights out."""
