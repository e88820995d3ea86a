"""The names that the user's lines give to values: of `z = x @ w`, z.

A node remembers the instruction that made it, and Python knows where in the source that instruction stands.  Where this
is all that an assignment assigns, the name is the value's.  Nothing is known of a source that cannot be read.
"""

from __future__ import annotations

import ast
import linecache
from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache
from types import CodeType
from typing import TypeAlias

from .errors import Site
from .expr import Expr, all_nodes

Key: TypeAlias = tuple[int, int]
Span: TypeAlias = tuple[int, int, int, int]  # first line, last line, first column, last column


def assigned_names(nodes: Iterable[Expr]) -> dict[Expr, str]:
    """For those of the nodes that a line assigns to a variable, or to an attribute, its name.

    Of the nodes that one instruction made, as `wf.mean` makes several, it is that which none of the others takes for an
    argument, among all nodes there are, since what is asked for may lack it; and if there are several of these, as in
    loops, those of the op that was there first: what comes later is made of it by derivatives and rewriting.
    """
    known: dict[Key, str] = {}
    wanted: dict[Expr, str] = {}
    for node in nodes:
        key = _key(node)
        if key not in known:
            known[key] = _name(node.site)
        if node.args and not node.site.gradient and known[key]:
            wanted[node] = known[key]
    made: dict[Key, list[Expr]] = {_key(node): [] for node in wanted}
    for node in all_nodes():
        if not node.site.gradient and _key(node) in made:
            made[_key(node)].append(node)
    kinds = {key: _kind(nodes) for key, nodes in made.items()}
    inner = {key: {a for node in nodes for a in node.args} for key, nodes in made.items()}
    return {n: name for n, name in wanted.items() if n not in inner[_key(n)] and n.op.name == kinds[_key(n)]}


def _key(node: Expr) -> Key:
    """The instruction that made a node: code objects take long to compare, and their nodes keep them."""
    return id(node.site.code), node.site.place


def _kind(nodes: Sequence[Expr]) -> str:
    """The name of the op that made what one instruction gives: of a function of scalars that has a body, this."""
    inner = {a for node in nodes for a in node.args}
    last = [node for node in nodes if node not in inner]
    whole = [node for node in last if hasattr(getattr(node.op, "function", None), "body")]
    return [*whole, *last][0].op.name if last else ""


def _name(site: Site) -> str:
    """The name that the instruction's value is assigned to, or ''."""
    if not isinstance(site.code, CodeType):
        return ""
    places = list(site.code.co_positions())
    span = places[site.place // 2] if site.place // 2 < len(places) else (None,) * 4
    names = _names_in("".join(linecache.getlines(site.path)))
    return names.get(span, "")  # type: ignore[arg-type]  # there is none for no place


@lru_cache(maxsize=64)
def _names_in(source: str) -> dict[Span, str]:
    """Where in a source what stands is assigned to which name."""
    try:
        tree = ast.parse(source)
    except (SyntaxError, ValueError):
        return {}
    return {_span(value): name for node in ast.walk(tree) for value, name in _assignments(node)}


def _assignments(node: ast.AST) -> Iterator[tuple[ast.AST, str]]:
    """(what is assigned, the name it gets) of one statement or expression."""
    match node:
        case ast.Assign(targets=[*_, target], value=value) | ast.NamedExpr(target=target, value=value):
            yield from _pairs(target, value)
        case ast.AnnAssign(target=target, value=ast.expr() as value):
            yield from _pairs(target, value)
        case ast.AugAssign(target=target):
            yield from _pairs(target, node)


def _pairs(target: ast.AST, value: ast.AST) -> Iterator[tuple[ast.AST, str]]:
    match target, value:
        case ast.Name(id=name), _:
            yield value, name
        case ast.Attribute(attr=name), _:
            yield value, name
        case ast.Tuple(elts=targets), ast.Tuple(elts=values) if len(targets) == len(values):
            for one, its in zip(targets, values, strict=True):
                yield from _pairs(one, its)


def _span(node: ast.AST) -> Span:
    first, last, start, end = (getattr(node, f) for f in ("lineno", "end_lineno", "col_offset", "end_col_offset"))
    return first, last, start, end
