"""What users hand to `function` and to compiled functions, checked; every refusal says what to do."""

from __future__ import annotations

import functools
import warnings
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from ..ops.coerce import as_expr
from ..ops.elementwise import fit
from ..ops.several import Several
from ..ops.updating import updates_of
from ..symbolic.arguments import check_choice
from ..symbolic.arrays import as_array, is_foreign_array, way_to_convert
from ..symbolic.dims import SymDim, same, show
from ..symbolic.errors import ArgumentError, DTypeError, ShapeError, axes, blame, listing, user_site
from ..symbolic.evaluate import FROM_A_STEP, raise_unknown_size
from ..symbolic.expr import Expr, toposort
from ..symbolic.graph import Graph
from ..symbolic.guards import AnyGuard, Guard
from ..symbolic.leaves import Input, Shared, storage_of
from ..symbolic.sizes import all_sources, dims_of
from ..symbolic.storage import Storage
from ..symbolic.substitution import Change, renaming, substitute
from ..symbolic.types import SUPPORTED, TupleType, cast_with_losses
from .target import Form, Source


def as_graph(
    inputs: Any, outputs: Any, updates: Any, givens: Any, optimize: int, on_unused_input: str
) -> tuple[Graph, tuple[str, ...] | None, Form | None]:
    """(graph, keywords or None, how results are packed or None for a single one)."""
    check_choice("optimize", optimize, (0, 1, 2))
    check_choice("on_unused_input", on_unused_input, ("raise", "warn", "ignore"))
    keywords = tuple(inputs) if isinstance(inputs, Mapping) else None
    listed = _inputs(list(inputs.values()) if isinstance(inputs, Mapping) else inputs)
    results, form = _outputs(outputs)
    new = _updates(updates)
    replaced, assumed = _apply_givens([*results, *(n for _, n in new)], givens)
    results, new = replaced[: len(results)], list(zip((s for s, _ in new), replaced[len(results) :], strict=True))
    graph = Graph(listed, tuple(results), tuple(new))
    updated = (*graph.updates, *_default_updates(graph))
    graph = Graph(listed, graph.outputs, updated, (*assumed, *_guards_of_updates(updated)))
    _check_inputs(graph, on_unused_input)
    return graph, keywords, form


def reacts(kind: str, reaction: object) -> bool:
    """Whether nan="raise", or inf="raise", was asked for."""
    check_choice(kind, reaction, ("ignore", "raise"))
    return bool(reaction == "raise")


def _inputs(inputs: Any) -> tuple[Expr, ...]:
    if isinstance(inputs, Expr) or not isinstance(inputs, Sequence):
        kind = "an expression" if isinstance(inputs, Expr) else type(inputs).__name__
        raise blame(ArgumentError(f"inputs is a list or a dict of inputs, not {kind}."), user_site(), hint="write [x].")
    listed: set[Expr] = set()
    for number, x in enumerate(inputs):
        if not isinstance(x, Expr):
            raise blame(ArgumentError(f"inputs[{number}] is {type(x).__name__}, not an expression."), user_site())
        if not isinstance(x.op, Input):
            what = "a shared variable" if isinstance(x.op, Shared) else f"the result of {x.op.name}"
            hint = (
                "shared variables are read without being named; to replace one, use givens."
                if isinstance(x.op, Shared)
                else "to put values in its place, make an input and use givens={expression: input}."
            )
            raise blame(ArgumentError(f"inputs[{number}] is {what}, not an input."), user_site(), x.site, hint=hint)
        if x in listed:
            raise blame(ArgumentError(f"{x.name or 'An input'} is listed twice among the inputs."), user_site(), x.site)
        listed.add(x)
    return tuple(inputs)


def _outputs(outputs: Any) -> tuple[list[Expr], Form | None]:
    if outputs is None:
        return [], drop_results
    if isinstance(outputs, Mapping):
        names = tuple(outputs)
        return [_output(v) for v in outputs.values()], functools.partial(name_results, names)
    if isinstance(outputs, list | tuple):
        return [_output(v) for v in outputs], tuple if type(outputs) in (tuple, Several) else list
    return [_output(outputs)], None


def drop_results(results: list[np.ndarray]) -> None:
    """What a call returns where no outputs were asked for."""


def name_results(names: tuple[object, ...], results: list[np.ndarray]) -> dict[object, np.ndarray]:
    """The results in a dict, under the names that the outputs were given."""
    return dict(zip(names, results, strict=True))


def _output(value: Any) -> Expr:
    node = as_expr(value)
    if isinstance(node.type, TupleType):
        error = ArgumentError(f"{node.op.name} has several outputs; name the ones to return.")
        raise blame(error, user_site(), node.site)
    return node


def result_names(form: Form | None) -> tuple[object, ...] | None:
    """The names of the outputs, where they were given in a dict."""
    named = isinstance(form, functools.partial) and form.func is name_results
    return tuple(form.args[0]) if named else None  # type: ignore[union-attr]


def as_pairs(given: Any, what: str) -> list[tuple[Any, Any]]:
    """A dict or a list of pairs as a list of pairs."""
    if given is None:
        return []
    try:
        return [(a, b) for a, b in (given.items() if isinstance(given, Mapping) else given)]
    except (TypeError, ValueError):
        raise blame(ArgumentError(f"{what} is a dict or a list of pairs, not {given!r}."), user_site()) from None


def _updates(updates: Any) -> list[tuple[Expr, Expr]]:
    checked: dict[Expr, Expr] = {}
    for shared, value in as_pairs(updates, "updates"):
        if not isinstance(shared, Expr) or not isinstance(shared.op, Shared):
            site = shared.site if isinstance(shared, Expr) else None
            raise blame(ArgumentError("Only shared variables can be updated."), user_site(), site)
        if shared in checked:
            error = ArgumentError(f"{shared.name or 'A shared variable'} has two updates.")
            raise blame(error, user_site(), shared.site)
        checked[shared] = _new_value(shared, as_expr(value))
    return list(checked.items())


def _new_value(shared: Expr, new: Expr) -> Expr:
    name = shared.name or "The shared variable"
    new = _match_dtype(shared, new)
    if new.dtype != shared.dtype:
        error = DTypeError(f"{name} is {shared.dtype.name}, and its update is {new.dtype.name}.")
        raise blame(error, user_site(), new.site, shared.site, hint=f"cast it: new.astype({shared.dtype.name!r}).")
    differs = new.ndim != shared.ndim or any(
        isinstance(a, int) and same(a, b) is False for a, b in zip(shared.shape, new.shape, strict=True)
    )
    if differs:
        text = f"{name} has shape {show(shared.shape)}, and its update {show(new.shape)}."
        raise blame(ShapeError(text), user_site(), new.site, shared.site)
    return new


def _match_dtype(old: Expr, new: Expr) -> Expr:
    """A Python number in the dtype of what it stands for, if that has such numbers; all else as it is."""
    weak = new.type.weak and (old.type.is_float or not new.type.is_float)
    return fit(new, old.dtype) if weak else new


def _guards_of_updates(updates: Iterable[tuple[Expr, Expr]]) -> list[tuple[AnyGuard, Expr]]:
    """The sizes that new values have to have, since those of their variables are numbers."""
    return [
        (Guard(d, n), shared)
        for shared, new in updates
        for d, n in zip(shared.shape, new.shape, strict=True)
        if isinstance(d, int) and d != n
    ]


def _apply_givens(roots: list[Expr], givens: Any) -> tuple[list[Expr], list[tuple[AnyGuard, Expr]]]:
    """The roots with givens put in place, and what has to hold of their sizes."""
    replacements: dict[Expr, Expr] = {}
    for old, new in as_pairs(givens, "givens"):
        node = as_expr(new)
        if not isinstance(old, Expr):
            raise blame(ArgumentError("The keys of givens are expressions."), user_site())
        node = _match_dtype(old, node)
        if node.dtype != old.dtype or node.ndim != old.ndim:
            text = f"givens: {old.name or 'an expression'} is {old.type}, and its replacement {node.type}."
            raise blame(
                ShapeError(text) if node.dtype == old.dtype else DTypeError(text), user_site(), old.site, node.site
            )
        replacements[old] = node
    if not replacements:
        return roots, []
    change = renaming(toposort(roots, into=lambda n: n not in replacements), replacements)
    guards = [guard for pair in replacements.items() for guard in _guards_of_replacement(*pair, change)]
    return substitute(roots, replacements), guards


def _guards_of_replacement(old: Expr, new: Expr, change: Change | None) -> Iterator[tuple[AnyGuard, Expr]]:
    """The sizes that a replacement has to have: those of what it stands for, where its own do not take their place."""
    for before, after in zip(old.shape, new.shape, strict=True):
        wanted = change(before) if change is not None and isinstance(before, SymDim) else before
        if same(wanted, after) is False:
            text = f"givens: {old.name or 'an expression'} is {old.type}, and its replacement {new.type}."
            raise blame(ShapeError(text), user_site(), old.site, new.site)
        if wanted != after:
            yield Guard(wanted, after), old


def _default_updates(graph: Graph) -> list[tuple[Expr, Expr]]:
    """Random streams advance by themselves in every function that draws from them; values bring updates with them."""
    updated = {s for s, _ in graph.updates}
    found = [(node, new) for node, new in updates_of(graph.nodes).items() if node not in updated]
    for node in graph.shared:
        update = storage_of(node).default_update
        if update is not None and node not in updated:
            found.append((node, update))
    return found


def _check_inputs(graph: Graph, on_unused_input: str) -> None:
    listed = set(graph.inputs)
    sizes = Graph((), tuple(all_sources(graph.nodes).values()))  # what is needed to know how large things are
    for node in [*graph.free_inputs, *sizes.free_inputs]:
        if node not in listed:
            inside = node.op.inside  # type: ignore[attr-defined]
            name = repr(node.name) if node.name else "a value inside of a step" if inside else "an input without a name"
            error = ArgumentError(f"The outputs depend on {name}, which is not among the inputs.")
            hint = FROM_A_STEP if inside else "add it to inputs, or replace it with givens."
            raise blame(error, user_site(), node.site, hint=hint)
    _check_known_sizes(graph, sizes)
    used = {*graph.free_inputs, *sizes.free_inputs}
    arrays = [*used, *graph.shared, *sizes.shared, *(shared for shared, _ in graph.updates)]
    known = {name for x in arrays for name in _names_of(x)}
    wanted = {name for dim in dims_of(graph.nodes) for name in dim.names} - known
    for x in graph.inputs:
        if x in used or on_unused_input == "ignore" or not wanted.isdisjoint(_names_of(x)):
            continue
        text = f"Nothing depends on the input {x.name or 'without a name'} of the function."
        if on_unused_input == "warn":
            warnings.warn(text, stacklevel=4)
            continue
        raise blame(ArgumentError(text), user_site(), x.site, hint='leave it out, or use on_unused_input="ignore".')


def _names_of(x: Expr) -> list[str]:
    """The sizes that an array says: those of its axes that are bare symbols."""
    return [d.text for d in x.shape if isinstance(d, SymDim) and d.is_name]


def _check_known_sizes(graph: Graph, sizes: Graph) -> None:
    """Raise ArgumentError where nothing says how large an axis is: a name that is a size of no array of the call."""
    arrays = [*graph.inputs, *graph.shared, *sizes.shared, *(shared for shared, _ in graph.updates)]
    known = {name for x in arrays for name in _names_of(x)}
    raise_unknown_size(graph.nodes, known)


# ---- calls -------------------------------------------------------------------------------------------------------


def order_arguments(asked: Source, args: tuple[Any, ...], keywords: Mapping[str, Any]) -> tuple[Any, ...]:
    """The call's arguments in the order of the inputs; raises ArgumentError for missing and unknown ones."""
    inputs, called = asked.graph.inputs, asked.options.name
    names: tuple[str | None, ...] = asked.keywords or tuple(x.name for x in inputs)
    if len(args) > len(inputs):
        text = f"{called} takes {len(inputs)} arguments, and {len(args)} were given."
        raise blame(ArgumentError(text), user_site())
    values = dict(enumerate(args))
    for name, given in keywords.items():
        if name not in names:
            known = listing([repr(n) for n in names if n])
            text = f"{called} has no argument {name!r}" + (f"; it has {known}." if known else ".")
            raise blame(ArgumentError(text), user_site())
        if names.index(name) in values:
            raise blame(ArgumentError(f"{called} got {name!r} twice."), user_site())
        values[names.index(name)] = given
    missing = [i for i in range(len(inputs)) if i not in values]
    if missing:
        words = listing([names[i] or f"number {i + 1}" for i in missing])
        text = f"{called} takes {len(inputs)} arguments; {words} {'is' if len(missing) == 1 else 'are'} missing."
        raise blame(ArgumentError(text), user_site(), *[inputs[i].site for i in missing])
    return tuple(values[i] for i in range(len(inputs)))


def number_types(x: Expr) -> tuple[type, ...]:
    """The types of numbers that a scalar input takes without a further look."""
    if x.ndim:
        return ()
    return (float, x.dtype.type) if x.dtype.kind == "f" else (x.dtype.type,)


def adapt_argument(given: Any, x: Expr, downcast: bool = False) -> np.ndarray:
    """A call's argument as an array the code can read: C order, aligned, of the input's dtype.

    `downcast`: floats may lose digits; an input whose dtype came from the configuration always takes them so.
    """
    name = x.name or "an input without a name"
    array = as_array(f"The value of {name}", given, x.site)
    if array.ndim != x.ndim:
        text = f"{name} has {axes(x.ndim)} {show(x.shape)}, and its value has {array.ndim}: {show(array.shape)}."
        raise blame(ShapeError(text), user_site(), x.site)
    if array.dtype != x.dtype and not _is_lossless(given, array, x.dtype):
        fitting = _downcast(array, x.dtype)
        if fitting is None or not (downcast or x.op.configured):  # type: ignore[attr-defined]
            text = f"{name} is {x.dtype.name}, and its value is {array.dtype}, which would lose information."
            hint = _ways_to_fit(given, array, x, fitting is not None)
            raise blame(DTypeError(text), user_site(), x.site, hint=hint)
        array = fitting
    if array.dtype == x.dtype and array.flags.carray:
        return array
    return np.require(array, x.dtype, ["C", "A"])


def _ways_to_fit(given: Any, array: np.ndarray, x: Expr, only_digits: bool) -> str:
    """What to do with a value that has not the dtype of an input; `only_digits`: all that would be lost are digits."""
    if array.dtype.kind == "c":
        return "weft has no complex numbers: give their parts, value.real and value.imag."
    own = array.dtype.newbyteorder("=")
    ways = [f"convert it: {way_to_convert(given, x.dtype.name)}"]
    ways += [f"or make the input {own.name}"] if own in SUPPORTED else []
    ways += ["or use downcast=True"] if only_digits else []
    return f"{', '.join(ways)}."


def copy_aliases(arrays: list[np.ndarray], storages: Iterable[Storage]) -> list[np.ndarray]:
    """The arrays, those that share memory with one of the storages copied: the call writes to these.

    The arrays of storages are views, so what is no view shares memory with none of them.
    """
    for place, a in enumerate(arrays):
        if a.base is not None and _shares_memory(a, storages):
            arrays[place] = a.copy()
    return arrays


def _shares_memory(array: np.ndarray, storages: Iterable[Storage]) -> bool:
    owner = array.base
    while type(owner) is np.ndarray and owner.base is not None:
        owner = owner.base
    if type(owner) is np.ndarray:  # it has its memory from nobody else
        return any(owner is storage.array.base for storage in storages)
    return any(np.may_share_memory(array, storage.array) for storage in storages)


def _downcast(array: np.ndarray, dtype: np.dtype) -> np.ndarray | None:
    """The array in a dtype that holds its numbers but for digits of floats; None where it does not."""
    if array.dtype.kind not in "biuf" or (array.dtype.kind == "f" and dtype.kind != "f"):
        return None
    found, lost = cast_with_losses(array, dtype)
    return None if lost.any() else found


def _is_lossless(given: Any, array: np.ndarray, dtype: np.dtype) -> bool:
    """Safe casts, and Python numbers (and lists of them) that the dtype holds."""
    if np.can_cast(array.dtype, dtype, "safe"):
        return True
    if isinstance(given, np.ndarray | np.generic) or is_foreign_array(given) or array.dtype.kind not in "bif":
        return False
    if array.dtype.kind == "f":
        return dtype.kind == "f"
    return bool(dtype.kind == "f" or (array.astype(dtype) == array).all())
