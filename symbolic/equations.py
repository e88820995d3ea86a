"""Rules that are written as equations: a generator that yields left sides and right sides over its parameters."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from functools import cached_property
from typing import Any

from .errors import ArgumentError, Site, blame, listing
from .expr import Expr, toposort
from .forks import renew_after_forks
from .graph import Graph
from .operators import function as bound
from .patterns import Variables, variable
from .rewrite import rewrite
from .rules import AnyRule, Rule, RuleSet, trace_dtypes


@renew_after_forks
class _Equations(RuleSet):
    """The rules that a generator yields; it runs when they are first needed."""

    def __init__(self, function: Callable[..., Any], dtypes: Sequence[str], after: RuleSet | None):
        super().__init__(function.__name__, (), function.__doc__)
        self._function, self._dtypes, self._after = function, tuple(dtypes), after
        self.__module__ = function.__module__

    @cached_property
    def rules(self) -> tuple[AnyRule, ...]:
        """One rule for each equation and sort of dtypes."""
        return tuple(rule for kind in trace_dtypes(self._dtypes) for rule in self._trace(kind))

    def after(self, others: RuleSet) -> RuleSet:
        """The same equations where others have run before."""
        return _Equations(self._function, self._dtypes, others)

    def __reduce__(self) -> str:
        return self._function.__qualname__  # what was decorated is found by its name, as functions are

    def _trace(self, kind: Any) -> list[Rule]:
        annotations = inspect.get_annotations(self._function, eval_str=True)
        names = list(inspect.signature(self._function).parameters)
        inputs = tuple(variable(name, annotations.get(name), kind) for name in names)
        variables = Variables(inputs, tuple(annotations.get(name) for name in names))
        generator, found = self._function(*inputs), []
        for left, right, *condition in generator:
            site = Site(generator.gi_frame.f_code, generator.gi_frame.f_lasti)
            _check_variables(left, right, inputs, site)
            found.append(
                Rule(
                    f"{self.name} line {site.line}",
                    self._spellings(left, inputs),
                    bound("positive")(right),
                    variables,
                    condition=condition[0] if condition else None,
                    names=names,
                    kind=kind,
                    site=site,
                )
            )
        return found

    def _spellings(self, left: Expr, inputs: tuple[Expr, ...]) -> list[Expr]:
        """The left side as it is written, and as the rules that run before leave it."""
        if self._after is None:
            return [left]
        settled = rewrite(Graph(inputs, (left,)), self._after).outputs[0]
        return [left] if settled is left or not settled.args else [left, settled]


def _check_variables(left: Expr, right: Any, inputs: tuple[Expr, ...], site: Site) -> None:
    """Raise ArgumentError where a right side needs what no match can tell."""
    known, used = set(toposort([left])), set(toposort([right])) if isinstance(right, Expr) else set()
    unknown = [v.name or "?" for v in inputs if v in used and v not in known]
    if unknown:
        text = f"The right side uses {listing(unknown)}, which the left side does not have."
        raise blame(ArgumentError(text), site, hint="a rule can only use what it matches.")


def rules(
    function: Callable[..., Any] | None = None, *, dtypes: Sequence[str] = ("float",), after: RuleSet | None = None
) -> Any:
    """Equations as rules: the generator's parameters are pattern variables, and it yields (left, right[, condition]).

    Parameters
    ----------
    dtypes : the sorts of dtypes the equations hold for: "float", "int", "bool"
    after : a set that has been applied before: the left sides are matched in the form it leaves them, too

    A plain parameter matches any expression, one annotated `Const` a scalar constant (or one that is broadcast),
    `Bool` bools, `Vector` and `Matrix` what has one or two axes.  A parameter that occurs twice must be the same node.
    Numbers match constants of any dtype with that value.  A condition is a function of some of the parameters:

        @rules
        def exact(x, c: Const):
            '''The same value with cheaper operations.'''
            yield x / c, x * (1 / c), lambda c: power_of_two(c)
    """
    if function is None:
        return lambda f: _Equations(f, dtypes, after)
    return _Equations(function, dtypes, after)
