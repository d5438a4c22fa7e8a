"""Metrics over folders, zip files and files of statistics."""
