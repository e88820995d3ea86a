"""Losses of segmentations: how much of two regions is common."""

from __future__ import annotations

from typing import Any

from ...ops import scalar
from ...ops.axes import normalize, normalize_all
from ...ops.coerce import as_expr
from ...ops.reduce import sum as sum_over
from ...symbolic.arguments import check_number
from ...symbolic.expr import Expr
from ..arguments import float_pair


def dice(probabilities: Any, targets: Any, *, axis: Any = None, smooth: float = 1.0) -> Expr:
    """1 - (2 sum(p t) + smooth) / (sum(p) + sum(t) + smooth): 0 where both are the same region.

    Parameters
    ----------
    probabilities : p in [0, 1], such as (batch, height, width) of a sigmoid, or (batch, classes, height, width)
    targets : t in [0, 1], or bools, of the same shape
    axis : those over which the sums are taken; None: all but the first.  (2, 3): a loss for each class
    smooth : makes it 0 for two empty regions

    Raises ShapeError where both would be stretched: (n, 1) and (n,) to (n, n).

    References
    ----------
    Milletari, Navab, Ahmadi 2016, V-Net, section 3 (there with squares below).
    """
    common, only_p, only_t = _regions("dice", probabilities, targets, axis, smooth)
    return (only_p + only_t) / (2 * common + only_p + only_t + smooth)


def jaccard(probabilities: Any, targets: Any, *, axis: Any = None, smooth: float = 1.0) -> Expr:
    """1 - (sum(p t) + smooth) / (sum(p) + sum(t) - sum(p t) + smooth): 1 - intersection over union.

    Arguments and errors are those of `dice`.

    References
    ----------
    Rahman, Wang 2016, Optimizing Intersection-Over-Union in Deep Neural Networks for Image Segmentation, equation 3.
    """
    common, only_p, only_t = _regions("jaccard", probabilities, targets, axis, smooth)
    return (only_p + only_t) / (common + only_p + only_t + smooth)


def tversky(
    probabilities: Any,
    targets: Any,
    alpha: float = 0.5,
    beta: float = 0.5,
    *,
    axis: Any = None,
    smooth: float = 1.0,
) -> Expr:
    """1 - (sum(p t) + smooth) / (sum(p t) + alpha sum(p (1 - t)) + beta sum((1 - p) t) + smooth).

    alpha, beta : what a false positive and a false negative cost, numbers from 0 up: jaccard for 1 and 1, dice with
        twice the smoothing for 1/2 and 1/2.

    The other arguments and the errors are those of `dice`.

    References
    ----------
    Salehi, Erdogmus, Gholipour 2017, Tversky Loss Function for Image Segmentation, equation 4.
    """
    check_number("tversky: alpha", alpha, least=0)
    check_number("tversky: beta", beta, least=0)
    common, only_p, only_t = _regions("tversky", probabilities, targets, axis, smooth)
    missed = alpha * only_p + beta * only_t
    return missed / (common + missed + smooth)


def generalized_dice(probabilities: Any, targets: Any, *, axis: int = 1) -> Expr:
    """1 - 2 sum(w sum(p t)) / sum(w (sum(p) + sum(t))) over classes, with w = 1 / max(sum(t), 1)².

    So small classes count as much as large ones.

    Parameters
    ----------
    probabilities : p in [0, 1], (batch, classes, *spatial), such as a softmax
    targets : t in [0, 1], or bools, of the same shape
    axis : that of the classes

    Returns
    -------
    (batch,) in [0, 1]; 0 where both are 0 everywhere

    Raises ShapeError where both would be stretched: (n, 1) and (n,) to (n, n).

    References
    ----------
    Sudre et al. 2017, Generalised Dice overlap as a deep learning loss function for highly unbalanced segmentations,
    section 2.1.
    """
    node = as_expr(probabilities)
    place = normalize(axis, node.ndim, "generalized_dice", node)
    axes = tuple(i for i in range(1, node.ndim) if i != place)
    common, only_p, only_t = _regions("generalized_dice", node, targets, axes, 0)
    weight = 1 / scalar.square(scalar.maximum(common + only_t, 1))
    wrong = sum_over(weight * (only_p + only_t), -1)
    total = 2 * sum_over(weight * common, -1) + wrong
    nothing = scalar.eq(total, 0)
    return scalar.where(nothing, 0, wrong / scalar.where(nothing, 1, total))


def _regions(name: str, probabilities: Any, targets: Any, axis: Any, smooth: Any) -> tuple[Expr, Expr, Expr]:
    """The sums of p t, p (1 - t) and (1 - p) t."""
    check_number(f"{name}: smooth", smooth, least=0)
    p, t = float_pair(name, "probabilities", probabilities, targets)
    both = p * t
    axes = range(1, both.ndim) if axis is None else axis
    axes = normalize_all(axes, both.ndim, name, both)
    common, only_p, only_t = (sum_over(v, axes) for v in (both, p * (1 - t), (1 - p) * t))
    return common, only_p, only_t
