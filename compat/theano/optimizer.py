"""theano.tensor.opt and gof.opt: assertions, and rules for Theano's optimiser, which are accepted and never applied."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np

import weft as wf

from ...symbolic.records import record
from .convert import unwrap
from .modes import OptimizationRule
from .notes import note_op
from .ops import Work
from .variables import wrap


class Assert(Work):
    """x; a call in which one of the conditions does not hold is an AssertionError with the message."""

    __props__ = ("msg",)

    def __init__(self, msg: str = "Theano Assert failed!") -> None:
        self.msg = msg

    def __call__(self, value: Any, *conditions: Any) -> Any:
        x, tests = unwrap(value), [unwrap(c) for c in conditions]
        checked = wf.callback(
            _AssertAll(self.msg), x.type, x, *tests, vjp=_through, name=f"Assert({self.msg})", effects=True
        )
        return note_op(wrap(checked), self, [value, *conditions])

    def __repr__(self) -> str:
        return f"Assert{{msg={self.msg!r}}}"


def _through(g: Any, out: Any, x: Any, *tests: Any) -> list[Any]:
    return [g, *[None for _ in tests]]


@record
class _AssertAll:
    """Look at the conditions, and hand the value on."""

    msg: str

    def __call__(self, value: np.ndarray, *conditions: np.ndarray) -> np.ndarray:
        if not all(np.all(c) for c in conditions):
            raise AssertionError(self.msg)
        return value


assert_ = assert_op = Assert()


# ---- rules -----------------------------------------------------------------------------------------------------------


def _registrar(name: str) -> Callable[..., Any]:
    """A function that Theano's rules are registered with; a decorator, too."""

    def register(rule: Any = None, *tags: Any, **options: Any) -> Any:
        text = f"{name}: weft has rules of its own, and Theano's optimiser is not here; the rule is never applied."
        warnings.warn(text, UserWarning, stacklevel=2)
        return (lambda found: found) if isinstance(rule, str) else rule

    register.__name__ = name
    register.__doc__ = "Accepted, and never applied: weft has rules of its own."
    return register


register_canonicalize, register_specialize = _registrar("register_canonicalize"), _registrar("register_specialize")
register_stabilize, register_uncanonicalize = _registrar("register_stabilize"), _registrar("register_uncanonicalize")
register_useless, register_specialize_device = _registrar("register_useless"), _registrar("register_specialize_device")


def local_optimizer(tracks: Any = None, *args: Any, **options: Any) -> Callable[..., Any]:
    """A decorator of a rule for Theano's optimiser: the rule is never applied."""
    return lambda rule: rule


LocalOptimizer = Optimizer = LocalOptGroup = EquilibriumOptimizer = SeqOptimizer = TopoOptimizer = OptimizationRule


def out2in(*rules: Any, **options: Any) -> OptimizationRule:
    """Rules applied from the outputs to the inputs: never, here."""
    return OptimizationRule(*rules)


in2out = out2in


class Database:
    """What Theano's rules are kept in."""

    def __init__(self) -> None:
        self.known: dict[str, Any] = {}

    def register(self, name: str, rule: Any, *tags: Any, **options: Any) -> Any:
        """Keep a rule, which is never applied."""
        self.known[name] = rule
        return rule

    def __getitem__(self, name: str) -> Any:
        return self.known.setdefault(name, Database())

    def __contains__(self, name: object) -> bool:
        return name in self.known

    def query(self, *tags: Any, **options: Any) -> OptimizationRule:
        """The rules with these tags: none is applied."""
        return OptimizationRule(*tags)


EquilibriumDB = SequenceDB = ProxyDB = DB = LocalGroupDB = Database
optdb = Database()
