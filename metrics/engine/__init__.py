"""The engine: any metrics over any source of pairs, in one pass that decodes each image once."""
