"""einsum: sums of products over named axes, as matrix products and elementwise ones."""

from __future__ import annotations

import string
from collections.abc import Sequence
from typing import Any

import numpy as np

from ..symbolic.dims import Dim, product, same, show
from ..symbolic.errors import ArgumentError, ShapeError, blame, user_site
from ..symbolic.expr import Expr, apply
from ..symbolic.types import promote
from .coerce import as_expr
from .elementwise import cast
from .linalg import matmul
from .movement import broadcast_to, reshape, transpose
from .reduce import sum as sum_over
from .strided import Diagonal

Labels = str  # one letter for each axis


def einsum(subscripts: str, *operands: Any) -> Expr:
    """out[output axes] = sum over all other labels of the product of the operands, as np.einsum.

        einsum("ij,jk->ik", a, b)      a @ b
        einsum("bij,bkj->bik", q, k)   batches of q @ k.T
        einsum("ii", x)                the trace
        einsum("...i,...i->...", a, b) dot products along the last axis

    Parameters
    ----------
    subscripts : a letter for each axis, operands separated by commas; "->" and the labels of the result.  Without
        these the result has the labels that occur once, in the order of the alphabet.  "..." stands for further axes,
        which broadcast.
    operands : one expression for each group of labels; they meet in one dtype

    Raises
    ------
    ArgumentError
        where the subscripts are not well formed, or do not fit the number of operands
    ShapeError
        where a label has two sizes, or an operand has another number of axes than labels

    Gradient: by that of products and sums.  Three operands or more are multiplied in the order that NumPy's
    `einsum_path` finds for their sizes; from left to right where a size is a symbol.
    """
    nodes = [as_expr(x) for x in operands]
    inputs, output = _parse(subscripts, nodes)
    _check_sizes(inputs, nodes)
    kind = promote(*(n.type for n in nodes))
    terms = [_single(cast(n, kind), labels) for n, labels in zip(nodes, inputs, strict=True)]
    for chosen in _order(inputs, output, nodes):
        taken = [terms[i] for i in chosen]
        terms = [t for i, t in enumerate(terms) if i not in chosen]
        needed = set(output).union(*(labels for _, labels in terms))
        term = _without_lonely(*taken[0], needed.union(*(labels for _, labels in taken[1:])))
        for k, other in enumerate(taken[1:], 2):
            later = needed.union(*(labels for _, labels in taken[k:]))
            term = _multiply(term, _without_lonely(*other, later.union(term[1])), later)
        terms.append(term)
    result, labels = _without_lonely(*terms[0], set(output))
    return transpose(result, [labels.index(c) for c in output]) if labels != output else result


def _parse(subscripts: str, nodes: Sequence[Expr]) -> tuple[list[Labels], Labels]:
    """The labels of the operands and of the result; "..." becomes letters that nobody uses."""
    if not isinstance(subscripts, str):
        text = f"einsum: the subscripts are a string like 'ij,jk->ik', not {subscripts!r}."
        raise blame(ArgumentError(text), user_site())
    text = subscripts.replace(" ", "")
    given, arrow, wanted = text.partition("->")
    parts = given.split(",")
    letters = text.replace("...", "").replace(",", "").replace("->", "")
    if not all(c in string.ascii_letters for c in letters) or len(parts) != len(nodes):
        message = f"einsum: {subscripts!r} names {len(parts)} operands, and there are {len(nodes)}."
        if len(parts) == len(nodes):
            message = f"einsum: {subscripts!r} has something else than letters, commas, '...' and '->'."
        raise blame(ArgumentError(message), user_site())
    free = [c for c in string.ascii_letters if c not in letters]
    extra = [n.ndim - len(p.replace("...", "")) for n, p in zip(nodes, parts, strict=True)]
    for node, part, more in zip(nodes, parts, extra, strict=True):
        if more < 0 or (more and "..." not in part):
            message = f"einsum: {part!r} names {node.ndim - more} axes of an operand of shape {show(node.shape)}."
            raise blame(ShapeError(message), user_site(), node.site)
    most = "".join(free[: max([m for m, p in zip(extra, parts, strict=True) if "..." in p], default=0)])
    inputs = [p.replace("...", most[len(most) - m :]) for p, m in zip(parts, extra, strict=True)]
    if not arrow:
        once = sorted(c for c in set(letters) if letters.count(c) == 1)
        return inputs, most + "".join(once)
    output = wanted.replace("...", most)
    unknown = [c for c in output if not any(c in labels for labels in inputs)]
    if unknown or len(set(output)) != len(output):
        message = f"einsum: the result of {subscripts!r} must have labels of the operands, each once."
        raise blame(ArgumentError(message), user_site())
    return inputs, output


def _check_sizes(inputs: Sequence[Labels], nodes: Sequence[Expr]) -> None:
    sizes: dict[str, tuple[Dim, Expr]] = {}
    for labels, node in zip(inputs, nodes, strict=True):
        for label, size in zip(labels, node.shape, strict=True):
            known, other = sizes.setdefault(label, (size, node))
            if known == 1:
                sizes[label] = size, node
            elif size != 1 and same(known, size) is False:
                message = f"einsum: the axis {label!r} has the sizes {known} and {size}."
                raise blame(ShapeError(message), user_site(), node.site, other.site)


def _order(inputs: Sequence[Labels], output: Labels, nodes: Sequence[Expr]) -> list[tuple[int, ...]]:
    """Which terms are multiplied together, step by step; their product goes to the end of the list."""
    if len(nodes) < 3 or not all(n.type.is_static for n in nodes):
        return [tuple(range(len(nodes)))]
    shapes_only = [np.broadcast_to(np.float64(0), tuple(d for d in n.shape if isinstance(d, int))) for n in nodes]
    path, _ = np.einsum_path(",".join(inputs) + "->" + output, *shapes_only, optimize="greedy")
    return [tuple(sorted(step)) for step in path[1:]]


def _single(node: Expr, labels: Labels) -> tuple[Expr, Labels]:
    """An operand with every label once: a repeated one takes the diagonal."""
    for label in dict.fromkeys(labels):
        while labels.count(label) > 1:
            first, second = labels.index(label), labels.rindex(label)
            sizes = node.shape[first], node.shape[second]
            if same(*sizes) is False:
                message = f"einsum: the axis {label!r} has the sizes {sizes[0]} and {sizes[1]}."
                raise blame(ShapeError(message), user_site(), node.site)
            square = (*node.shape[:second], node.shape[first], *node.shape[second + 1 :])
            node = apply(Diagonal(0, (first, second)), broadcast_to(node, square))  # whose sizes are then the same
            labels = "".join(c for i, c in enumerate(labels) if i not in (first, second)) + label
    return node, labels


def _without_lonely(node: Expr, labels: Labels, needed: set[str]) -> tuple[Expr, Labels]:
    """The term summed over labels that nobody else has and nobody wants."""
    lonely = [i for i, c in enumerate(labels) if c not in needed]
    return (sum_over(node, lonely), "".join(c for c in labels if c in needed)) if lonely else (node, labels)


def _multiply(a: tuple[Expr, Labels], b: tuple[Expr, Labels], needed: set[str]) -> tuple[Expr, Labels]:
    """The product of two terms, summed over the labels that both have and nobody needs."""
    (x, left), (y, right) = a, b
    sizes = dict(zip(right, y.shape, strict=True))
    summed = [c for c in left if c in right and c not in needed and x.shape[left.index(c)] != 1 and sizes[c] != 1]
    shared = [c for c in left if c in right and c not in summed]
    mine, its = [c for c in left if c not in right], [c for c in right if c not in left]
    x = transpose(x, [left.index(c) for c in [*shared, *mine, *summed]])
    y = transpose(y, [right.index(c) for c in [*shared, *summed, *its]])
    s, m, k = len(shared), len(mine), len(summed)
    if not summed:
        wide = reshape(x, (*x.shape, *[1] * len(its))) * reshape(y, (*y.shape[:s], *[1] * m, *y.shape[s:]))
        return _without_lonely(wide, "".join([*shared, *mine, *its]), needed)
    rows, columns = x.shape[s : s + m], y.shape[s + k :]
    inner = product(x.shape[s + m :])
    flat = matmul(reshape(x, (*x.shape[:s], product(rows), inner)), reshape(y, (*y.shape[:s], inner, product(columns))))
    result = reshape(flat, (*flat.shape[:-2], *rows, *columns))
    return _without_lonely(result, "".join([*shared, *mine, *its]), needed)
