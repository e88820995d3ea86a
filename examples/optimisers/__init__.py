"""Optimisers: steps down one valley, and on one network."""
