"""Initial weights: what becomes of a signal, and of the training."""
