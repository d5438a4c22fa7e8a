"""Generating: the plan, the run directory, and the engines that produce its images."""
