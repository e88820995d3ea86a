"""A call of every function of `weft.nn` that is right, for the sweep over mistakes: a module for each area."""

import importlib
import pkgutil

from ...calls import Call

CALLS: dict[str, Call] = {}

for _module in pkgutil.iter_modules(__path__):
    CALLS |= importlib.import_module(f"{__name__}.{_module.name}").CALLS
