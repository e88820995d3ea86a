"""theano.function: weft's function with Theano's arguments, and what it returns."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import SimpleNamespace
from typing import Any

import numpy as np

from ...codegen.function import function as weft_function
from ...ops.elementwise import cast as weft_cast
from ...symbolic.errors import ArgumentError, blame, user_site
from ...symbolic.expr import Expr, toposort
from ...symbolic.leaves import Input, Shared, storage_of
from ...symbolic.substitution import substitute
from .configuration import config
from .convert import as_list, unwrap
from .copies import drop_copies
from .fresh import fresh_input, with_inputs
from .graphs import FunctionGraph
from .mode_names import get_mode
from .modes import Mode
from .variables import Variable, variable_of, wrap


class In:
    """An input with its options: a value that stands where the call gives none, an update, a name."""

    def __init__(
        self,
        variable: Any,
        name: str | None = None,
        value: Any = None,
        update: Any = None,
        mutable: bool | None = None,
        strict: bool = False,
        allow_downcast: bool | None = None,
        autoname: bool = True,
        implicit: bool | None = None,
        borrow: bool | None = None,
        shared: bool = False,
        **ignored: Any,
    ) -> None:
        self.variable, self.value, self.update = variable, value, update
        self.name = name if name is not None else getattr(variable, "name", None)
        self.strict, self.allow_downcast = strict, allow_downcast


def Param(variable: Any, default: Any = None, name: str | None = None, **options: Any) -> In:  # noqa: N802
    """In, under its old name."""
    return In(variable, name=name, value=default, **options)


class Out:
    """An output with its options, of which none matters here."""

    def __init__(self, variable: Any, borrow: bool = False) -> None:
        self.variable = variable


class MissingInputError(Exception):
    """An input that the outputs depend on, and that is not among the inputs."""


class UnusedInputError(Exception):
    """An input that nothing depends on."""


def function(
    inputs: Any,
    outputs: Any = None,
    mode: Any = None,
    updates: Any = None,
    givens: Any = None,
    no_default_updates: Any = False,
    accept_inplace: bool = False,
    name: str | None = None,
    rebuild_strict: bool = True,
    allow_input_downcast: bool | None = None,
    profile: Any = None,
    on_unused_input: str | None = None,
) -> Function:
    """Compile variables to a function from arrays to arrays.

    Parameters
    ----------
    inputs : list of variables or In
    outputs : a variable, a list or dict of them, or None: the call returns arrays in the same form
    updates : {shared: new value} or a list of pairs
    givens : {variable: replacement} or a list of pairs
    no_default_updates : True, or a list of shared variables: their default updates are left out
    allow_input_downcast : True converts arguments even where digits are lost
    on_unused_input : "raise", "warn" or "ignore"; None: theano.config.on_unused_input
    mode, accept_inplace, rebuild_strict, profile : accepted, without a meaning here but for FAST_COMPILE

    Raises
    ------
    UnusedInputError, MissingInputError, TypeError
    """
    if not isinstance(inputs, list | tuple):
        text = f"The inputs of theano.function are a list, not {type(inputs).__name__}."
        raise blame(TypeError(text), user_site(), hint="write [x].")
    listed = [x if isinstance(x, In) else In(x) for x in inputs]
    new = _pairs(updates)
    for one in listed:
        if one.update is not None:
            raise blame(
                NotImplementedError("In(update=...) is written as an update of a shared variable."), user_site()
            )
    mode = get_mode(mode)
    compiled = _compile(listed, outputs, new, givens, no_default_updates, mode, name, on_unused_input)
    return Function(compiled, listed, outputs, new, mode, name, allow_input_downcast, givens, no_default_updates)


def _compile(
    listed: list[In],
    outputs: Any,
    updates: list[tuple[Any, Any]],
    givens: Any,
    no_default_updates: Any,
    mode: Any,
    name: str | None,
    on_unused_input: str | None,
) -> Any:
    inputs = [_variable(one) for one in listed]
    fresh = [x if isinstance(x.op, Input) else fresh_input(x, x.name) for x in inputs]
    replaced = {unwrap(old): _substitute(unwrap(old), new) for old, new in _pairs(givens)}
    new = {unwrap(shared): _update(unwrap(shared), value) for shared, value in updates}
    results = [unwrap(v) for v in _in_a_row(outputs)]
    if no_default_updates is not True:
        new |= _default_updates(results, new, replaced, no_default_updates)
    frozen = _freeze([*results, *new.values()], new, no_default_updates)
    computed = {old: x for old, x in zip(inputs, fresh, strict=True) if old is not x}
    results, new, replaced = _prepare(results, new, replaced, computed, inputs)
    try:
        return weft_function(
            fresh,
            results,
            new | frozen,
            replaced,
            name,
            optimize=0 if getattr(mode, "optimizer", None) == "fast_compile" else 2,
            on_unused_input=on_unused_input or config.on_unused_input,
        )
    except ArgumentError as error:
        raise _translate(error) from None


def _translate(error: ArgumentError) -> Exception:
    """Theano's error for an input that is missing or not used."""
    text = str(error)
    kind = (
        UnusedInputError
        if text.startswith("Nothing depends on")
        else MissingInputError
        if "not among the inputs" in text
        else None
    )
    if kind is None:
        return error
    made = kind(text)
    for note in getattr(error, "__notes__", ()):
        made.add_note(note)
    return made


def _variable(one: In) -> Expr:
    if not isinstance(one.variable, Variable):
        text = f"An input of theano.function is a variable, not {type(one.variable).__name__}."
        raise blame(TypeError(text), user_site())
    node = one.variable.expr
    if isinstance(node.op, Shared):
        text = f"{one.variable} is a shared variable, and cannot be an input of theano.function."
        raise blame(
            TypeError(text), user_site(), node.site, hint="it is read without being named; replace it by givens."
        )
    return node


def _prepare(
    results: list[Expr], updates: dict[Expr, Expr], givens: dict[Expr, Expr], computed: dict[Expr, Expr], inputs: Any
) -> tuple[list[Expr], dict[Expr, Expr], dict[Expr, Expr]]:
    """All that is compiled without copies that nothing replaces, and with inputs in place of computed ones."""
    parts = [*results, *updates.values(), *givens, *givens.values()]
    kept = {n for n in (*givens, *computed) if n.args}
    parts, sized = drop_copies(parts, kept), {}
    if computed:
        given = [x for x in inputs if x not in computed]
        told = [n for n in toposort(parts, into=lambda n: n not in computed) if isinstance(n.op, Shared)]
        parts, sized = with_inputs(parts, computed, [*given, *told])
    first, second = len(results), len(results) + len(updates)
    third = second + len(givens)
    changed = dict(zip(parts[second:third], parts[third:], strict=True))
    return parts[:first], dict(zip(updates, parts[first:second], strict=True)), changed | sized


def _value_for(old: Expr, value: Any) -> Expr:
    """What stands for a variable: numbers are taken where nothing is lost, as arguments of calls are."""
    if isinstance(value, int | float | np.generic):
        return unwrap(wrap(old).type.filter(value))
    return unwrap(value)


def _substitute(old: Expr, new: Any) -> Expr:
    node = _value_for(old, new)
    return weft_cast(node, old.dtype) if np.result_type(node.dtype, old.dtype) == old.dtype else node


def _update(shared: Expr, value: Any) -> Expr:
    """The new value in the dtype of the shared variable.  Raises TypeError where that would lose something."""
    node = _value_for(shared, value)
    if np.result_type(node.dtype, shared.dtype) != shared.dtype or node.ndim != shared.ndim:
        text = f"{wrap(shared)} is {wrap(shared).type}, and its update is {variable_of(node).type}."
        raise blame(
            TypeError(text), user_site(), node.site, shared.site, hint=f"cast it: T.cast(new, '{shared.dtype}')."
        )
    return weft_cast(node, shared.dtype)


def _freeze(roots: Sequence[Expr], updates: Mapping[Expr, Expr], which: Any) -> dict[Expr, Expr]:
    """Updates to themselves, for shared variables whose default update is not wanted."""
    if not which:
        return {}
    chosen = None if which is True else {unwrap(v) for v in which}
    found = [n for n in toposort(roots) if isinstance(n.op, Shared) and n not in updates]
    return {n: n for n in found if storage_of(n).default_update is not None and (chosen is None or n in chosen)}


def _default_updates(
    results: Sequence[Expr], updates: Mapping[Expr, Expr], replaced: Mapping[Expr, Expr], unwanted: Any
) -> dict[Expr, Expr]:
    """The default updates of what is read, by default updates too; givens replace in them as everywhere."""
    left = {unwrap(v) for v in unwanted or ()}
    found: dict[Expr, Expr] = {}
    roots = [*results, *updates.values()]
    while roots:
        read = [n for n in toposort(substitute(roots, replaced)) if isinstance(n.op, Shared)]
        more = {
            n: _update(n, variable_of(default))
            for n in read
            if (default := storage_of(n).default_update) is not None
            if n not in updates and n not in found and n not in left
        }
        found |= more
        roots = list(more.values())
    return found


def _pairs(given: Any) -> list[tuple[Any, Any]]:
    if given is None:
        return []
    found = list(given.items()) if isinstance(given, Mapping) else [tuple(pair) for pair in given]
    seen: set[Any] = set()
    for key, _ in found:
        if key in seen:
            raise blame(ValueError(f"{key} is given two values: this is an error in updates or givens."), user_site())
        seen.add(key)
    return found


def _in_a_row(outputs: Any) -> list[Any]:
    """The outputs in a row."""
    values = as_list(list(outputs.values()) if isinstance(outputs, Mapping) else outputs)
    return [v.variable if isinstance(v, Out) else v for v in values]


def _pack(outputs: Any, results: Sequence[Any]) -> Any:
    """Results in the form that the outputs were given in."""
    if outputs is None:
        return []
    if isinstance(outputs, Mapping):
        return dict(zip(outputs, results, strict=True))
    return results if isinstance(outputs, list | tuple) else results[0]


class Function:
    """A compiled function: call it with arrays."""

    def __init__(
        self,
        compiled: Any,
        inputs: list[In],
        outputs: Any,
        updates: list[tuple[Any, Any]],
        mode: Any,
        name: str | None,
        downcast: bool | None,
        givens: Any = None,
        no_default_updates: Any = False,
    ) -> None:
        self.compiled, self.name, self.mode = compiled, name, mode
        self.inputs, self.outputs, self.updates, self.downcast = inputs, outputs, updates, downcast
        self.givens, self.no_default_updates = givens, no_default_updates
        self._types = [one.variable.type for one in inputs]
        self._names = [one.name for one in inputs]
        self.trust_input = False
        self._watched = isinstance(mode, Mode) and type(mode).before is not Mode.before
        self.n_returned_outputs = len(_in_a_row(outputs))

    def __call__(self, *args: Any, **keywords: Any) -> Any:
        given = self._collect(args, keywords) if keywords or len(args) != len(self._types) else args
        arrays = [self._convert(i, value) for i, value in enumerate(given)]
        if self._watched:
            self.mode.before(self, arrays)
        return _pack(self.outputs, self.compiled(*arrays))

    def _convert(self, place: int, value: Any) -> np.ndarray:
        of, one = self._types[place], self.inputs[place]
        fits = type(value) is np.ndarray and value.dtype == of.dtype and value.ndim == of.ndim
        if fits and not any(of.broadcastable):
            return value
        downcast = one.allow_downcast if one.allow_downcast is not None else self.downcast
        try:
            return of.filter(value, one.strict, downcast)  # type: ignore[no-any-return]
        except (TypeError, ValueError) as error:
            label = one.name or f"number {place}"
            raise blame(
                TypeError(f"Bad input argument {label}: {error}"), user_site(), one.variable.expr.site
            ) from None

    def _collect(self, args: Sequence[Any], keywords: Mapping[str, Any]) -> list[Any]:
        """The value for each input: by place, by name, or the one that In gives."""
        if len(args) > len(self.inputs):
            text = f"{self} takes {len(self.inputs)} arguments, and {len(args)} were given."
            raise blame(TypeError(text), user_site())
        values: dict[int, Any] = dict(enumerate(args))
        for name, value in keywords.items():
            if name not in self._names:
                raise blame(TypeError(f"{self} has no argument {name!r}."), user_site())
            place = self._names.index(name)
            if place in values:
                raise blame(TypeError(f"{self} got {name!r} twice."), user_site())
            values[place] = value
        for place, one in enumerate(self.inputs):
            if place not in values:
                if one.value is None:
                    text = f"{self} is missing its argument {one.name or f'number {place}'}."
                    raise blame(TypeError(text), user_site(), one.variable.expr.site)
                default = one.value
                values[place] = default.get_value() if hasattr(default, "get_value") else default
        return [values[i] for i in range(len(self.inputs))]

    def __repr__(self) -> str:
        return f"<theano function {self.name or ''}>".replace(" >", ">")

    @property
    def maker(self) -> Any:
        """What was compiled: `.fgraph` with `.toposort()`, `.inputs`, `.outputs`."""
        graph = self.compiled.graph
        fgraph = FunctionGraph([wrap(x) for x in graph.inputs], [variable_of(r) for r in graph.roots], clone=False)
        return SimpleNamespace(fgraph=fgraph, inputs=self.inputs, outputs=_in_a_row(self.outputs), mode=self.mode)

    @property
    def profile(self) -> Any:
        """None, as where Theano does not profile; weft's own profile is f.compiled.profile(*arguments)."""
        return None

    def get_shared(self) -> list[Any]:
        """The shared variables that it updates."""
        return [shared for shared, _ in self.updates]

    def copy(self, share_memory: bool = False, swap: Any = None, delete_updates: bool = False, **ignored: Any) -> Any:
        """Another function of the same variables, with shared variables exchanged, or without updates."""
        swap = dict(swap or {})
        updates = [] if delete_updates else self.updates
        values = [*_in_a_row(self.outputs), *(value for _, value in updates)]
        replaced = {unwrap(old): _substitute(unwrap(old), new) for old, new in _pairs(self.givens)}
        found = substitute([unwrap(v) for v in values], replaced)
        results = [wrap(n) for n in substitute(found, {unwrap(a): unwrap(b) for a, b in swap.items()})]
        count = len(results) - len(updates)
        moved = [(swap.get(shared, shared), r) for (shared, _), r in zip(updates, results[count:], strict=True)]
        return function(
            self.inputs,
            _pack(self.outputs, results[:count]),
            self.mode,
            moved,
            no_default_updates=delete_updates or self.no_default_updates,
            name=self.name,
            allow_input_downcast=self.downcast,
            on_unused_input="ignore",
        )

    def free(self) -> None:
        """Give back the memory that it keeps between calls."""
        self.compiled.forget()


def evaluate(variable: Any, values: Mapping[Any, Any]) -> Any:
    """variable.eval({x: array}); inputs may be named by strings."""
    nodes = {n.name: n for n in toposort([unwrap(variable)]) if isinstance(n.op, Input)}
    named = {wrap(nodes[k]) if isinstance(k, str) else k: v for k, v in values.items()}
    inputs = tuple(named)
    if inputs not in variable.evaluators:
        variable.evaluators[inputs] = function(list(inputs), variable, on_unused_input="ignore")
    return variable.evaluators[inputs](*named.values())
