"""Learning: the parts of networks as plain functions over expressions, and what trains, measures and keeps them.

activations, layers, losses, init               what networks are made of
zoo                                             networks of the papers
updates, schedules, regularizers, constraints   how they learn
minimize, flat, set_flat                        from all data at once, by SciPy
parameters, variables, count, scope             what they hold
batches, average, predict, fit, metrics         data, training, measuring
save, load                                      files
summary, pictures                               tables, and pictures of filters, images, values
"""

from importlib import import_module as _import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from . import (
        activations,
        constraints,
        init,
        layers,
        losses,
        metrics,
        pictures,
        regularizers,
        schedules,
        updates,
        zoo,
    )
    from .data import average, batches, predict
    from .fitting import fit
    from .history import History
    from .layer_table import Summary, summary
    from .minimizing import flat, minimize, set_flat
    from .naming import scope
    from .saving import load, save
    from .state import count, parameters, variables

# Each is imported when it is first asked for: who wants an optimiser does not wait for the zoo.
_MODULES = (
    "activations",
    "constraints",
    "init",
    "layers",
    "losses",
    "metrics",
    "pictures",
    "regularizers",
    "schedules",
    "updates",
    "zoo",
)
_FUNCTIONS = {
    "data": ("average", "batches", "predict"),
    "fitting": ("fit",),
    "history": ("History",),
    "layer_table": ("Summary", "summary"),
    "minimizing": ("flat", "minimize", "set_flat"),
    "naming": ("scope",),
    "state": ("count", "parameters", "variables"),
    "saving": ("load", "save"),
}
_HOMES = {name: module for module, names in _FUNCTIONS.items() for name in names}

__all__ = [*_MODULES, *_HOMES]


def __getattr__(name: str) -> Any:
    if name in _MODULES:
        return _import_module(f".{name}", __name__)
    if name not in _HOMES:
        raise AttributeError(f"module 'weft.nn' has no attribute {name!r}")
    found = getattr(_import_module(f".{_HOMES[name]}", __name__), name)
    globals()[name] = found
    return found


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
