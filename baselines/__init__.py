"""Weight-free models for textile pattern generation, in NumPy and SciPy.

They are the floor that a trained model has to beat, and they run anywhere in milliseconds.
"""
