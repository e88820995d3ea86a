"""How reductions are written: with an index for each axis that goes, and its range where others stay."""

from __future__ import annotations

import re
from collections.abc import Sequence

from ...symbolic.dims import Dim
from ...symbolic.expr import Expr
from .forms import Form, bare
from .symbols import size
from .texts import ATOM, BIG, CALL, ONE, Factors, Text, as_product, fence, join, parentheses, write_product

SIGNS = {
    "sum": r"\sum",
    "prod": r"\prod",
    "max": r"\max",
    "min": r"\min",
    "any": r"\bigvee",
    "all": r"\bigwedge",
    "argmax": r"\operatorname*{arg\,max}",
    "argmin": r"\operatorname*{arg\,min}",
}
_WITH_RANGE = (r"\sum", r"\prod")
_LETTERS = "ijklpqrsuvwabcdefgh"


def reduction_form(node: Expr) -> Form:
    """The form of a reduction over axes."""
    op, arg = node.op, node.args[0]
    axes: tuple[int, ...] = getattr(op, "axes", ()) or (op.axis,)  # type: ignore[attr-defined]
    follows = bare(arg).ndim == arg.ndim  # else it is one value, repeated: there is nothing to index
    sign = SIGNS[op.kind]  # type: ignore[attr-defined]

    def write(x: Text) -> Text:
        letters = index_letters(x, [arg.shape[a] for a in axes], axes)
        index = [letters[axes.index(a)] if a in axes else ":" for a in range(arg.ndim)]
        while index and index[-1] == ":":
            index.pop()
        below = _range(letters, [arg.shape[a] for a in axes], len(axes) == arg.ndim, sign in _WITH_RANGE)
        return _big(sign + below, x, ",".join(index) if follows else "", node.ndim, set(letters))

    return Form((arg,), write)


def _big(sign: str, x: Text, index: str, rank: int, letters: set[str]) -> Text:
    """The sign before the elements; of a sum, numbers and scalars come to the front."""
    of = as_product(x)
    outside = Factors(ONE)
    if sign.startswith(r"\sum") and of.arrays:
        outside = of._replace(arrays=())
        x = write_product(Factors(ONE, (), (), of.arrays))
    body = subscript(x, index, rank).latex if index else fence(x, BIG)
    whole = join(f"{sign} {body}", BIG, rank, x)
    whole = whole._replace(letters=whole.letters | letters)
    if rank == 0:
        return write_product(outside._replace(scalars=(*outside.scalars, whole)))
    return write_product(outside._replace(arrays=(*outside.arrays, whole)))


def index_letters(x: Text, dims: Sequence[Dim], places: Sequence[int]) -> list[str]:
    """A letter for each axis, none of which stands in the piece or the sizes already."""
    used = x.letters.union(*(set(re.findall(r"[A-Za-z]", size(d))) for d in dims))
    free = [c for c in _LETTERS if c not in used]
    found: list[str] = []
    for place in places:
        wanted = "ijkl"[place] if place < 4 else "t"
        letter = wanted if wanted not in used and wanted not in found else next(c for c in free if c not in found)
        found.append(letter)
    return found


def _range(letters: Sequence[str], dims: Sequence[Dim], whole: bool, sums: bool) -> str:
    """Below the sign and above: ranges, but of all axes of several the indices alone."""
    if len(letters) == 1 and not sums:
        return f"_{{{letters[0]}}}"
    if len(letters) > 1:
        if whole or not sums:
            return f"_{{{','.join(letters)}}}"
        return "_{" + ",\\,".join(f"{c} \\leq {size(d)}" for c, d in zip(letters, dims, strict=True)) + "}"
    return f"_{{{letters[0]}=1}}^{{{size(dims[0])}}}"


def subscript(x: Text, index: str, rank: int) -> Text:
    """The elements of a piece that an index names."""
    if x.at is not None:
        return join(x.at(index), CALL, rank, x)
    plain = x.level == ATOM and not re.search(r"[_^']", x.latex)
    latex = x.latex if plain else parentheses(x.latex)
    return join(f"{latex}_{{{index}}}", CALL, rank, x)
