"""Whether a rewritten expression still says what the written one did: digits, range, and NaN.

Two spellings may differ by rounding.  Apart from that, what is finite as written stays so, and what is NaN or infinite
stays so, unless it is that by overflow on the way alone: then its value with many digits is right as well.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import mpmath
import numpy as np

from ..ops.elementwise import Cast
from ..ops.reduce import Reduce
from ..symbolic.dims import SymDim
from ..symbolic.evaluate import run
from ..symbolic.expr import Expr, toposort
from .high_precision import TooLarge, evaluate_exactly, mp

DRAWS = ("ordinary", "range", "infinite", "nan")
_SPECIAL = {
    "infinite": [np.inf, -np.inf, 0.0, -0.0, 1.0],
    "nan": [np.nan, np.nan, 0.0],
}
_FAR = 1e3  # for infinity, where a limit is asked for
_ULPS = 64  # of the value, and of what it moves by when the arguments move by one
_NUDGES = 16  # of all arguments at once, to see what it moves by


def kinds_of_values(order: Iterable[Expr]) -> tuple[str, ...]:
    """What to draw for an expression: floats that become integers are not defined for NaN and what is too large."""
    casts = (n for n in order if n.op.head is Cast and n.dtype.kind in "iu")
    return ("ordinary",) if any(n.args[0].dtype.kind == "f" for n in casts) else DRAWS


def draw(inputs: Iterable[Expr], rng: np.random.Generator, kind: str, size: int = 4) -> dict[Expr, np.ndarray]:
    """A value for each input; symbols are of this size.

    ordinary : numbers near 1         range : finite ones of any magnitude, 0 and -0 among them
    infinite : and infinities and 0   nan : and NaN and 0
    """
    return {node: _array(node, rng, kind, size) for node in inputs}


def _array(node: Expr, rng: np.random.Generator, kind: str, size: int) -> np.ndarray:
    shape = tuple(d.value({d.text: size}) if isinstance(d, SymDim) else d for d in node.shape)
    if node.dtype == bool:
        return rng.random(shape) < 0.5
    limits: Any
    if node.dtype.kind in "iu":
        limits = np.iinfo(node.dtype)
        small = rng.integers(max(limits.min, -6), 6, shape)
        if kind == "ordinary":
            return np.asarray(small, node.dtype)
        edges = np.array([limits.min, limits.max, limits.max - 1, limits.max // 2 + 1], node.dtype)
        return np.where(rng.random(shape) < 0.5, rng.choice(edges, shape), np.asarray(small, node.dtype))
    array = rng.normal(size=shape) * 2
    if kind == "range":
        limits = np.finfo(node.dtype)
        powers = np.exp2(rng.uniform(limits.minexp - limits.nmant, limits.maxexp, shape).astype("longdouble"))
        ends = np.array([0.0, -0.0, limits.smallest_subnormal, limits.tiny, limits.max, -limits.max, 1.0])
        wide = np.where(rng.random(shape) < 0.5, powers * np.sign(array), rng.choice(ends, shape))
        array = np.where(rng.random(shape) < 0.8, wide, array)
    elif kind != "ordinary":
        array = np.where(rng.random(shape) < 0.4, rng.choice(_SPECIAL[kind], shape), array)
    with np.errstate(all="ignore"):
        return np.asarray(array).astype(node.dtype)


def disagreement(
    node: Expr,
    written: np.ndarray,
    found: np.ndarray,
    values: Mapping[Expr, Any],
    stable: bool = True,
    noise: float = 0.0,
) -> str | None:
    """What is wrong with the value `found` of a rewritten expression, None where nothing is.

    noise : what is lost where large terms cancel
    stable : rules that keep digits were among those applied, which take an infinite argument for the limit
    """
    if found.dtype != written.dtype or found.shape != written.shape:
        return f"{found.dtype}{found.shape} in place of {written.dtype}{written.shape}"
    if written.dtype.kind != "f":
        return None if np.array_equal(written, found) else f"{found} in place of {written}"
    with np.errstate(all="ignore"):
        wrong = np.asarray(~_close(written, found, noise))
        if wrong.any():
            wrong &= ~_move(node, written, found, values)
        if wrong.any():
            wrong &= ~_explain(node, written, found, values, _with_other_zeros)
        if (wrong & np.isfinite(written) & np.isfinite(found)).any():
            wrong &= ~(np.isfinite(written) & np.isfinite(found) & _explain(node, written, found, values, _round))
        if wrong.any():
            wrong &= np.isfinite(found) | (not _sums_leave_the_range(node, values))
        if wrong.any():
            wrong &= ~_nearer(node, written, found, values, wrong, stable)
    return f"{found[wrong]} in place of {written[wrong]}" if wrong.any() else None


def _close(written: np.ndarray, found: np.ndarray, slack: Any) -> np.ndarray:
    limits = np.finfo(written.dtype)
    near = np.abs(found - written) <= _ULPS * (limits.eps * np.abs(written) + slack) + 8 * limits.smallest_subnormal
    near &= np.isfinite(written)
    last = (1 - _ULPS * limits.eps) * limits.max
    edge = (np.abs(written) > last) & (np.abs(found) > last) & (np.sign(written) == np.sign(found))
    return np.asarray((written == found) | (np.isnan(written) & np.isnan(found)) | near | edge)


def _move(node: Expr, written: np.ndarray, found: np.ndarray, values: Mapping[Expr, Any]) -> np.ndarray:
    """Where arguments that differ in the last bit, or in the sign of zero, explain the difference."""
    rng, explained = np.random.default_rng(0), np.zeros(written.shape, bool)
    for _ in range(_NUDGES):
        other = run([node], {n: _nudge(v, rng) for n, v in values.items()})[0]
        slack = np.where(np.isfinite(other), np.abs(other - written), 0.0)
        explained |= _close(written, found, slack) | _close(other, found, 0.0)
    return explained


def _explain(node: Expr, written: np.ndarray, found: np.ndarray, values: Mapping[Expr, Any], change: Any) -> np.ndarray:
    """Where a change to what stands on the way explains the difference.

    Zeros with another sign: 1 / 0 is infinite, with the sign of the zero.  Another last bit: every step rounds.
    """
    rng, explained = np.random.default_rng(0), np.zeros(found.shape, bool)
    order = [n for n in toposort([node]) if n not in values]
    for _ in range(_NUDGES):
        known = {n: change(np.asarray(v), rng) for n, v in values.items()}
        for inner in order:
            known[inner] = change(run([inner], known)[0], rng)
        other = known[node]
        slack = np.where(np.isfinite(other) & np.isfinite(written), np.abs(other - written), 0.0)
        explained |= _close(other, found, slack if change is _round else 0.0)
    return explained


def _round(value: Any, rng: np.random.Generator) -> Any:
    return _nudge(value, rng) if isinstance(value, np.ndarray) else value


def _with_other_zeros(value: Any, rng: np.random.Generator) -> Any:
    if not isinstance(value, np.ndarray) or value.dtype.kind != "f":
        return value
    return np.where((value == 0) & (rng.random(value.shape) < 0.5), -value, value)


def _nudge(value: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Finite numbers with another last bit, which stay finite; -0 becomes 0."""
    if value.dtype.kind != "f":
        return value
    limits = np.finfo(value.dtype)
    moved = value * (1 + limits.eps * rng.integers(-1, 2, value.shape)) + 0.0
    return np.where(np.isfinite(value), np.clip(moved, limits.min, limits.max), value).astype(value.dtype)


def _sums_leave_the_range(node: Expr, values: Mapping[Expr, Any]) -> bool:
    """Whether a sum overflows in some order of its terms, of which none is promised."""
    sums = [
        n for n in toposort([node]) if isinstance(n.op, Reduce) and n.op.kind in ("sum", "mean") and n.type.is_float
    ]
    terms = run([n.args[0] for n in sums], values) if sums else []
    totals = [np.abs(t, dtype="longdouble").sum() if np.isfinite(t).all() else 0 for t in terms]
    return any(total > np.finfo(n.dtype).max for n, total in zip(sums, totals, strict=True))


def _nearer(
    node: Expr, written: np.ndarray, found: np.ndarray, values: Mapping[Expr, Any], where: np.ndarray, stable: bool
) -> np.ndarray:
    """Where the value with many digits is that found, or as near to it as to the written one."""
    floats = [v for v in values.values() if v.dtype.kind == "f"]
    infinite, nan = (any(test(v).any() for v in floats) for test in (np.isinf, np.isnan))
    result = np.zeros(written.shape, bool)
    try:
        apart = _without_infinities(node, written.shape, values) if infinite else np.ones(written.shape, bool)
        if not stable:  # what infinities are for a finite value, large numbers are as well
            where = where & (np.isfinite(written) & np.isfinite(found) | apart)
        for underflow in (False, True):
            exact = _exact(node, written.shape, values, underflow)
            for place in map(tuple, np.argwhere(where & ~result).tolist()):
                if nan and mpmath.isnan(exact[place]):
                    continue  # it is to stay
                of = float(written[place]), float(found[place])
                limit = not apart[place] and (
                    not np.isfinite(of[0]) or (np.isinf(of[1]) and exact[place] * of[1] > 0.5 * _FAR)
                )
                result[place] = limit or _is_right(exact[place], *of, written.dtype)
        if infinite and stable and (where & ~result).any():
            lost = where & np.isnan(found)
            result |= lost & _far_from(_exact(node, written.shape, values), written)  # no limit was lost
            result |= where & ~np.isfinite(found) & _without_limit(node, written.shape, values)
    except NotImplementedError:
        result |= where & ~np.isfinite(written) & (not nan)
    except TooLarge:
        result |= where & (np.isfinite(found) | ~np.isfinite(written)) & (not nan)
    return result


def _exact(node: Expr, shape: tuple[int, ...], values: Mapping[Expr, Any], underflow: bool = False) -> np.ndarray:
    """The value with many digits, with large numbers in place of infinities."""
    near = {n: np.nan_to_num(v, nan=np.nan, posinf=_FAR, neginf=-_FAR) for n, v in values.items()}
    return np.broadcast_to(evaluate_exactly(node, near, underflow), shape)


def _without_infinities(node: Expr, shape: tuple[int, ...], values: Mapping[Expr, Any]) -> np.ndarray:
    """Where no infinite argument goes into the value, since NaN in its place does not."""
    unknown = {n: np.where(np.isinf(v), np.nan, v) if v.dtype.kind == "f" else v for n, v in values.items()}
    known = [not isinstance(a, mp.mpf) or not mp.isnan(a) for a in evaluate_exactly(node, unknown).flat]
    return np.broadcast_to(np.reshape(known, shape), shape)


def _far_from(exact: np.ndarray, values: np.ndarray) -> np.ndarray:
    """Where values are not the limit, of which the exact ones have few digits."""
    far = [abs(a - float(b)) > 0.1 * abs(a) for a, b in zip(exact.flat, values.flat, strict=True)]  # not of NaN
    return np.reshape(far, values.shape)


def _without_limit(node: Expr, shape: tuple[int, ...], values: Mapping[Expr, Any]) -> np.ndarray:
    """Where the value depends on how arguments become infinite: inf - inf, say."""
    infinite = [n for n, v in values.items() if v.dtype.kind == "f" and np.isinf(v).any()]
    one = _exact(node, shape, values)
    found = np.zeros(shape, bool)
    for chosen in infinite:
        value = values[chosen]
        for place in np.argwhere(np.isinf(value)):
            moved = value.astype(value.dtype)
            moved[tuple(place)] = np.sign(moved[tuple(place)]) * 1.5 * _FAR
            other = _exact(node, shape, {**values, chosen: moved})
            far = [mpmath.isnan(a) or abs(a - b) > 1e-6 * abs(a) for a, b in zip(one.flat, other.flat, strict=True)]
            found |= np.reshape(far, shape)
    return found


def _is_right(exact: Any, written: float, found: float, dtype: np.dtype) -> bool:
    """Whether it is the value with many digits, or as near to it as the written one: a number where that is none."""
    limits = np.finfo(dtype)
    if np.isnan(written) and np.isinf(found):  # no number either way
        return True
    if mpmath.isnan(exact):
        return not np.isfinite(written)
    if abs(exact) > mp.mpf(float(limits.max)) * (1 + mp.mpf(float(limits.eps)) / 4):  # 1 + eps / 4 is no float
        return not np.isfinite(written) and np.isinf(found) and (found > 0) == (exact > 0)
    if not np.isfinite(found):
        return False
    off = abs(mp.mpf(found) - exact)
    near = 16 * abs(mp.mpf(written) - exact) if np.isfinite(written) else mp.inf
    return bool(off <= _ULPS * float(limits.eps) * abs(exact) + float(limits.tiny) or off <= near)
