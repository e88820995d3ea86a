"""`wf.latex`: any graph as LaTeX."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ...symbolic.arguments import check_flag, check_mapping
from ...symbolic.errors import ArgumentError, blame, user_site
from ...symbolic.expr import Expr
from ...symbolic.graph import Graph
from ...symbolic.leaves import items
from ...symbolic.trees import flatten
from ...symbolic.types import TupleType
from .document import Names, Scope
from .forms import bare
from .symbols import symbol


def latex(outputs: Any, names: Mapping[Expr, str] | None = None, *, bold: bool = False) -> str:
    r"""The formula of an expression in LaTeX; where parts are shared, or there are several outputs, equations.

        z = x @ w + b
        wf.latex(z)                          # x w + b
        wf.latex(wf.grad(loss, [w, b]))      # the equations of backpropagation, in \begin{aligned}

    Any graph has one.  What is used more than once, and what is long, is written in an equation of its own, before
    those that use it.  It is named as the user's program names it: inputs and shared variables by their names, other
    values by the line that assigns them (`z = ...`), where the source can be read; a derivative of a named value is a
    delta with its index; all else is u with a number.  `w1` is w_1, `alpha` a Greek letter, `x_hat` has a hat.

    Parameters
    ----------
    outputs : an expression, or several in lists, tuples and dicts, whose keys are the left sides then; a Graph, or a
        compiled function, with its updates
    names : {expression: name} for values that have another name, or none
    bold : vectors, matrices and arrays of more axes in bold

    Returns
    -------
    LaTeX for math mode, which needs amsmath and amssymb, or KaTeX or MathJax.  One formula without names is written
    as it is, all else as `\begin{aligned} ... \end{aligned}`.

    Notation
    --------
    a b is the product of matrices, a \odot b and a^{\odot 2} go entry by entry, \mathbb{1}[c] is 1 where c holds, a sum
    over some axes has an index for each, from 1, and slices are Python's, from 0.  Left out is what a reader sees
    without: casts between numbers, broadcasting, axes of size 1, shifts that keep softmax from overflowing, the care
    that derivatives take of infinities.  Loops are recurrences over t, draws of random numbers x \sim a distribution.
    An op of your own is written by its method `latex(self, *args)` of strings, or as a function with its parameters.

    Raises
    ------
    ArgumentError
        for what is no expression, and names that are no strings
    """
    flag = check_flag("latex", "bold", bold)
    given = _check_names(names)
    found, labels, updates = _outputs(outputs)
    scope = Scope([*found, *(new for _, new in updates)], Names(), given, flag)
    texts = scope.write()
    if not updates and len(found) == 1 and labels == [None] and not scope.lines and scope.slope(scope.roots[0]) is None:
        return texts[0].latex
    results = _results(scope, found, labels, [t.latex for t in texts], updates)
    lines = [*scope.lines, *results]
    return "\\begin{aligned}\n" + " \\\\\n".join(lines) + "\n\\end{aligned}"


def _results(scope: Scope, found: list[Expr], labels: list[str | None], texts: list[str], updates: Any) -> list[str]:
    lines = []
    for node, label, text in zip(found, labels, texts, strict=False):
        left = symbol(label) if label is not None else _left_side(scope, bare(node), len(found) > 1)
        if left != text:
            lines.append(f"{left} &= {text}")
    for (shared, _), text in zip(updates, texts[len(found) :], strict=True):
        lines.append(
            f"{scope.known[shared].latex if shared in scope.known else symbol(shared.name or 'w')} &\\gets {text}"
        )
    return lines


def _left_side(scope: Scope, node: Expr, several: bool) -> str:
    slope = scope.slope(node)
    if slope is not None:
        return slope
    return (
        scope.symbol(node)
        if node in scope.users
        else scope.names.claim("y", number=True)
        if several
        else scope.names.first("yzvf")
    )


def _check_names(names: Any) -> dict[Expr, str]:
    found = dict(check_mapping("names", names, "expression: name"))
    wrong = next((name for name in found.values() if not isinstance(name, str) or not name), None)
    if wrong is not None:
        raise blame(ArgumentError(f"names: the name of an expression is a string, not {wrong!r}."), user_site())
    return found


def _outputs(given: Any) -> tuple[list[Expr], list[str | None], tuple[tuple[Expr, Expr], ...]]:
    """(expressions, the name of each where the user gave one, updates)."""
    graph = given if isinstance(given, list | tuple | dict) else getattr(given, "graph", given)
    if isinstance(graph, Graph):
        return list(graph.outputs), [None] * len(graph.outputs), graph.updates
    if isinstance(given, Expr) and isinstance(given.type, TupleType):
        given = items(given)
    leaves, _ = flatten(given)
    wrong = [leaf for leaf in leaves if not isinstance(leaf, Expr)]
    if wrong or not leaves:
        what = repr(wrong[0]) if wrong else "nothing"
        text = f"latex takes an expression, a graph, or several in lists, tuples and dicts, not {what}."
        raise blame(ArgumentError(text), user_site())
    named = isinstance(given, dict) and all(isinstance(k, str) and isinstance(v, Expr) for k, v in given.items())
    return leaves, list(given) if named else [None] * len(leaves), ()
