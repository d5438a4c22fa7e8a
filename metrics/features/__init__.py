"""The backbones that metrics share, and how images are brought to them."""
