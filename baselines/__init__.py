"""Weight-free models for textile pattern generation, in NumPy and SciPy.

A trained model has to beat them. They run anywhere, in milliseconds per sample.
"""
