"""The procedural renderer: textile patterns, worn by a figure and photographed."""
