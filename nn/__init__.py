"""Learning: initial values, layers, losses and optimisers, as plain functions over expressions."""

from . import init, layers, losses, updates

__all__ = ["init", "layers", "losses", "updates"]
