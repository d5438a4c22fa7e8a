"""What several reference models are made of."""
