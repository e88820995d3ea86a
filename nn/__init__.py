"""Learning: initial values, layers, losses and optimisers, as plain functions over expressions."""

from . import activations, init, layers, losses, updates
from .naming import scope
from .parameters import count, parameters, variables

__all__ = ["activations", "count", "init", "layers", "losses", "parameters", "scope", "updates", "variables"]
