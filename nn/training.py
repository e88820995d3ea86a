"""A training under way: what callbacks get, and checkpoints hold."""

from __future__ import annotations

import json
import math
import os
from collections.abc import Mapping
from typing import Any

import numpy as np

from ..symbolic.errors import ArgumentError, blame, user_site
from ..symbolic.variables import get_value, set_value
from .history import History
from .saving import read_arrays, restore, write_arrays
from .state import variables

NOTES = "fit"  # the name of what a checkpoint holds besides variables
BEST = "best:"


class Training:
    """A training under way, which callbacks get.

    epoch : how many epochs are done
    history : `History`, with the last epoch's record
    train, test : the compiled functions; test is None without validation
    stop : set it to True, and no further epoch begins
    """

    def __init__(self, train: Any, test: Any, monitor: str, highest: bool):
        self.train, self.test = train, test
        self.epoch = self.step = 0  # done; steps of the epoch that is under way
        self.total = 0.0  # of the losses of these steps, each as many times as its batch has examples
        self.history = History()
        self.stop = False
        self.monitor, self.sign = monitor, -1.0 if highest else 1.0
        self.best: float | None = None
        self.waited = 0  # epochs since the best
        self.variables = variables(train) if test is None else variables(train, test)
        self.learnt = {} if test is None else variables(test)
        self.weights: dict[str, np.ndarray] = {}  # of the best epoch

    def judge(self) -> None:
        """Note whether the last epoch is the best so far."""
        value = self.sign * self.history[self.monitor][-1]
        if self.best is None or math.isnan(self.best) or value < self.best:
            self.best, self.waited = value, 0
            self.weights = {name: get_value(node) for name, node in self.learnt.items()}
        else:
            self.waited += 1

    def restore_best(self) -> None:
        """Give variables the values of the best epoch."""
        for name, value in self.weights.items():
            set_value(self.learnt[name], value)

    def notes(self) -> dict[str, Any]:
        """Where it stands, besides its variables."""
        names = ("epoch", "step", "total", "best", "waited")
        return {name: getattr(self, name) for name in names} | {"records": self.history.records}

    def save(self, path: str | os.PathLike[str], settings: Mapping[str, Any]) -> None:
        """Write a checkpoint."""
        arrays = {name: get_value(node) for name, node in self.variables.items()}
        arrays |= {BEST + name: value for name, value in self.weights.items()}
        text = json.dumps({**self.notes(), "settings": settings})
        arrays[NOTES] = np.frombuffer(text.encode(), np.uint8)
        write_arrays(path, arrays)

    def resume(self, path: str | os.PathLike[str], settings: Mapping[str, Any]) -> None:
        """Go on from a checkpoint.  Raises ArgumentError for one of another training."""
        arrays = read_arrays(path)
        if NOTES not in arrays:
            raise blame(ArgumentError(f"fit: {path} is no checkpoint of a training."), user_site())
        notes = json.loads(arrays.pop(NOTES).tobytes())
        for name, value in notes.pop("settings").items():
            if settings.get(name) != value:
                text = f"fit: the checkpoint {path} was made with {name} = {value}, and this is {settings.get(name)}."
                raise blame(ArgumentError(text), user_site(), hint="take another file, or remove it to begin anew.")
        self.weights = {name.removeprefix(BEST): arrays.pop(name) for name in list(arrays) if name.startswith(BEST)}
        restore(arrays, self.variables, str(path))
        self.history = History(notes.pop("records"))
        vars(self).update(notes)
