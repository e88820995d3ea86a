"""Losses: worked examples, formulas in NumPy, derivatives."""

import numpy as np
import pytest

import weft as wf
from weft.nn import losses
from weft.nn.losses import absolute_error, binary_crossentropy, crossentropy, multiclass_hinge, squared_error
from weft.symbolic.errors import IndexRangeError
from weft.symbolic.evaluate import evaluate
from weft.symbolic.grad import grad
from weft.symbolic.variables import matrix, vector
from weft.testing.gradients import check_grad


def test_multiclass_hinge_of_the_cat_the_car_and_the_frog():
    scores = np.array([[3.2, 5.1, -1.7], [1.3, 4.9, 2.0], [2.2, 2.5, -3.1]])
    loss = multiclass_hinge(scores, np.array([0, 1, 2]))
    np.testing.assert_allclose(evaluate(loss), [2.9, 0, 12.9], atol=1e-12)


@pytest.mark.parametrize("delta", [1.0, 0.5, 0.0, -0.5])
def test_multiclass_hinge_is_its_formula(delta):
    rng = np.random.default_rng(0)
    s, t = matrix("s", ("n", 5)), vector("t", ("n",), "int32")
    scores, labels = rng.normal(size=(7, 5)), rng.integers(0, 5, 7)
    margins = np.maximum(0, scores - scores[np.arange(7), labels][:, None] + delta)
    margins[np.arange(7), labels] = 0
    np.testing.assert_allclose(
        evaluate(multiclass_hinge(s, t, delta), {s: scores, t: labels}), margins.sum(1), rtol=1e-5
    )
    check_grad(multiclass_hinge(s, t, delta), s, {s: scores, t: labels})
    with pytest.raises(IndexRangeError):
        evaluate(grad(multiclass_hinge(s, t).sum(), s), {s: scores, t: labels + 5})


@pytest.mark.parametrize("kind", ["float16", "float32", "float64"])
@pytest.mark.parametrize("p", [1, 2])
def test_multiclass_hinge_is_never_below_0(kind, p):
    """Also where the margin has other digits in the dtype of the scores, and where others add next to nothing."""
    s, t = matrix("s", ("n", 9), kind), vector("t", ("n",), "int32")
    deltas = [0.1, 0.3, 0.7, 1 / 3, 1e-3, -0.1]
    f = wf.function([s, t], [multiclass_hinge(s, t, delta, p) for delta in deltas])
    labels, rng = np.arange(9, dtype="int32"), np.random.default_rng(0)
    clear = np.where(np.eye(9, dtype=bool), 5, 0).astype(kind)
    near = clear.copy()
    near[~np.eye(9, dtype=bool)] = (5 - rng.uniform(0, 0.8, 72)).astype(kind)
    for rows in (clear, near):
        of_nodes = [evaluate(multiclass_hinge(s, t, delta, p), {s: rows, t: labels}) for delta in deltas]
        for found in (f(rows, labels), of_nodes):
            assert [d for d, v in zip(deltas, found, strict=True) if (v < 0).any()] == []
    for found in f(clear, labels):
        assert not found.any()


def test_multiclass_hinge_takes_margins_that_are_expressions_and_scores_that_are_unsigned():
    s, t, m = matrix("s", ("n", 5), "float64"), vector("t", ("n",), "int32"), wf.scalar("m", dtype="float64")
    rng = np.random.default_rng(0)
    values = {s: rng.normal(size=(7, 5)), t: rng.integers(0, 5, 7), m: 0.7}
    for p in (1, 2):
        y = multiclass_hinge(s, t, m, p)
        np.testing.assert_allclose(evaluate(y, values), evaluate(multiclass_hinge(s, t, 0.7, p), values))
        check_grad(y, m, values)
    assert multiclass_hinge(wf.matrix("s", ("n", 5), "float32"), t, m).dtype == "float32"
    np.testing.assert_array_equal(evaluate(multiclass_hinge(np.array([[3, 5, 1]], "uint8"), np.array([0]))), [3])


@pytest.mark.parametrize("lead", [(), (3,), (2, 3), (2, 1, 3)])
def test_losses_of_classes_are_taken_along_the_last_axis(lead):
    rng = np.random.default_rng(1)
    scores, labels = rng.normal(size=(*lead, 4)), rng.integers(0, 4, lead)
    hinge, entropy = np.zeros(lead), np.zeros(lead)
    for place in np.ndindex(*lead):
        row, right = scores[place], labels[place]
        hinge[place] = sum(max(0.0, row[j] - row[right] + 0.5) for j in range(4) if j != right)
        entropy[place] = np.log(np.exp(row).sum()) - row[right]
    s, t = wf.tensor("s", scores.shape, "float64"), wf.tensor("t", lead, "int64")
    given = {s: scores, t: labels}
    np.testing.assert_allclose(evaluate(multiclass_hinge(s, t, 0.5), given), hinge, atol=1e-12)
    np.testing.assert_allclose(evaluate(crossentropy(s, t), given), entropy)
    check_grad(multiclass_hinge(s, t, 0.5), s, given)


def test_elementwise_losses():
    y, t = vector("y", dtype="float64"), vector("t", dtype="float64")
    values = {y: np.array([1.0, -2, 3]), t: np.array([1.0, 1, -1])}
    np.testing.assert_array_equal(evaluate(squared_error(y, t), values), [0, 9, 16])
    np.testing.assert_array_equal(evaluate(absolute_error(y, t), values), [0, 3, 4])
    np.testing.assert_array_equal(evaluate(grad(squared_error(y, t).sum(), y), values), [0, -6, 8])
    np.testing.assert_array_equal(evaluate(grad(absolute_error(y, t).sum(), y), values), [0, -1, 1])
    assert squared_error(y, 0.5).shape == y.shape


@pytest.mark.parametrize("kind", ["uint8", "bool", "int8"])
def test_differences_of_integers_do_not_wrap(kind):
    a, b = np.array([0, 1, 1], kind), np.array([1, 0, 1], kind)
    for loss in (squared_error, absolute_error, losses.huber, losses.log_cosh):
        np.testing.assert_allclose(evaluate(loss(a, b)), evaluate(loss(a.astype("float64"), b.astype("float64"))), 1e-6)
    ranked = losses.margin_ranking(a, b, np.array([1, -1, 1]), 0.5)
    np.testing.assert_allclose(evaluate(ranked), [1.5, 1.5, 0.5])


def test_differences_of_floats_are_plain():
    y, t = vector("y"), vector("t")
    assert squared_error(y, t) is wf.square(y - t)
    assert absolute_error(y, t) is wf.abs(y - t)
    assert squared_error(y, vector("t", dtype="int64")).dtype == y.dtype


def test_losses_are_not_reduced():
    z = matrix("z", ("n", 4))
    assert crossentropy(z, vector("t", ("n",), "int64")).ndim == 1
    assert binary_crossentropy(z, z).ndim == 2


@pytest.mark.parametrize("label", [3, 7, -1])
def test_labels_are_checked_beside_constant_logits(label):
    t = vector("t", (1,), "int64")
    for logits in (np.zeros((1, 3), "float32"), np.array([[1.0, 2, 3]])):
        f = wf.function([t], crossentropy(wf.constant(logits), t))
        expected = np.log(np.exp(logits).sum()) - logits[0, 2]
        np.testing.assert_allclose(f(np.array([2])), [expected], rtol=1e-6)
        with pytest.raises(IndexRangeError):
            f(np.array([label]))


# ---- without options the graphs are those of weft's own --------------------------------------------------------------


def test_crossentropies_without_options_are_the_same_nodes():
    z, t, p = matrix("z", ("n", 4)), vector("t", ("n",), "int64"), matrix("p", ("n", 4))
    assert crossentropy(z, t) is wf.crossentropy(z, t)
    assert crossentropy(z, p) is wf.crossentropy(z, p)
    assert binary_crossentropy(z, p) is wf.binary_crossentropy(z, p)


# ---- numbers far out -------------------------------------------------------------------------------------------------

FAR = np.array([-1e4, -200, -30, 0, 30, 200, 1e4], "float32")
OF_NUMBERS = [
    losses.huber,
    losses.smooth_l1,
    losses.log_cosh,
    losses.quantile_error,
    losses.absolute_percentage_error,
    losses.hinge,
    losses.squared_hinge,
    losses.soft_margin,
    losses.binary_focal,
    lambda z, t: losses.binary_focal(z, t, 0.5, alpha=0.2),
    lambda z, t: losses.binary_crossentropy(z, t, pos_weight=3.0),
    lambda z, t: losses.binary_crossentropy(z, t, label_smoothing=0.1),
    lambda z, t: losses.poisson_nll(-wf.abs(z), t),
    lambda z, t: losses.gaussian_nll(z, t, 0.0),
    lambda z, t: losses.gaussian_nll(t, t, z),
    lambda z, t: losses.kl_div(wf.log_sigmoid(z), t),
    lambda z, t: losses.kl_div(t, wf.log_sigmoid(z), log_targets=True),
    losses.hinge_embedding,
    lambda z, t: losses.margin_ranking(z, t, 1.0),
]
OF_ROWS = [
    losses.crossentropy,
    losses.focal,
    lambda z, t: losses.focal(z, t, 0.0),
    lambda z, t: losses.focal(z, t, 0.5),
    lambda z, t: losses.crossentropy(z, t, label_smoothing=0.1, class_weights=np.ones(3)),
    lambda z, t: losses.crossentropy(z, t, ignore_index=1),
    losses.multiclass_hinge,
    losses.categorical_hinge,
]


@pytest.mark.parametrize("target", [0.0, 1.0])
def test_values_and_gradients_of_large_numbers_are_finite(target):
    z, t = wf.vector("z", ("n",), "float32"), wf.vector("t", ("n",), "float32")
    outs = [loss(z, t) for loss in OF_NUMBERS]
    found = wf.function([z, t], [*outs, *[grad(y.sum(), z) for y in outs]])(FAR, np.full_like(FAR, target))
    assert [i for i, v in enumerate(found) if not np.isfinite(v).all()] == []


def test_values_and_gradients_of_large_logits_are_finite():
    z, t = wf.matrix("z", ("n", 3), "float32"), vector("t", ("n",), "int64")
    rows = np.array(np.meshgrid(FAR, FAR, FAR)).reshape(3, -1).T
    outs = [loss(z, t) for loss in OF_ROWS]
    step = wf.function([z, t], [*outs, *[grad(y.sum(), z) for y in outs]])
    for label in range(3):
        found = step(rows, np.full(len(rows), label))
        assert [i for i, v in enumerate(found) if not np.isfinite(v).all()] == []
        assert [i for i, v in enumerate(found[: len(outs)]) if v.min() < 0] == []


def test_classes_that_are_ruled_out_are_no_nan():
    z, t = wf.matrix("z", ("n", 3), "float32"), vector("t", ("n",), "int64")
    values = {z: np.array([[0, -np.inf, 1]], "float32"), t: np.array([2])}
    for loss in (losses.crossentropy, losses.focal, losses.nll, losses.categorical_hinge, losses.sparsemax):
        assert np.isfinite(evaluate([loss(z, t), grad(loss(z, t).sum(), z)], values)[0]).all()
        assert np.isfinite(evaluate(grad(loss(z, t).sum(), z), values)).all()


def test_sparsemax_of_classes_that_are_ruled_out_is_that_of_the_others():
    z, t, rest = wf.matrix("z", ("n", 4), "float64"), vector("t", ("n",), "int64"), np.array([[0.2, 1.0, 0.6]])
    values = {z: np.insert(rest, 1, -np.inf, 1), t: np.array([3])}
    y = losses.sparsemax(z, t)
    found, slope = wf.function([z, t], [y, grad(y.sum(), z)])(values[z], values[t])
    np.testing.assert_allclose(found, evaluate(losses.sparsemax(rest, np.array([2]))))
    np.testing.assert_allclose(evaluate(grad(y.sum(), z), values), slope)
    np.testing.assert_allclose(slope, evaluate(wf.nn.activations.sparsemax(values[z])) - [[0, 0, 0, 1]])


def test_small_differences_keep_their_digits():
    r = np.array([1e-6, 1e-4, 0.5, 0.9999, 1.0, 3.0])
    found = evaluate(losses.log_cosh(wf.constant(r.astype("float32")), 0.0))
    np.testing.assert_allclose(found, np.log1p(2 * np.sinh(r / 2) ** 2), rtol=1e-6)
    weighted = evaluate(losses.binary_crossentropy(wf.constant(np.float32([-20, -50])), 0.0, pos_weight=2.0))
    np.testing.assert_allclose(weighted, np.log1p(np.exp([-20.0, -50])), rtol=1e-6)


def test_probabilities_of_0_and_1():
    p, t = wf.vector("p", dtype="float64"), wf.vector("t", dtype="float64")
    values = {p: np.array([0.0, 1, 0, 1]), t: np.array([0.0, 1, 1, 0])}
    y = losses.kl_div(wf.log(p), t)
    np.testing.assert_array_equal(evaluate(y, values), [0, 0, np.inf, 0])
    for loss, expected in ((losses.dice, [0, 0, 0.5, 0.5]), (losses.jaccard, [0, 0, 0.5, 0.5])):
        np.testing.assert_allclose(evaluate(loss(p[:, None], t[:, None]), values), expected)
        assert np.isfinite(evaluate(grad(loss(p[:, None], t[:, None]).sum(), p), values)).all()
    y = losses.bernoulli_nll(p, t)
    np.testing.assert_array_equal(evaluate(y, values), [0, 0, 100, 100])
    assert np.isfinite(evaluate(grad(y.sum(), p), values)).all()
    rate = losses.poisson_nll(p, t, log_input=False, full=True)
    assert np.isfinite(evaluate([rate, grad(rate.sum(), p)], values)).all()


def test_numbers_that_are_0_in_float16_still_keep_from_nan():
    x = wf.matrix("x", ("n", 2), "float16")
    zeros = {x: np.zeros((1, 2), "float16")}
    found = [
        losses.cosine_similarity(x, x),
        losses.info_nce(x, x),
        wf.nn.layers.unit_norm(x),
        losses.poisson_nll(x, x, log_input=False),
        losses.gaussian_nll(x, x, x, eps=1e-9),
    ]
    for y in found:
        assert y.dtype == "float16"
        assert np.isfinite(evaluate([y.sum(), grad(y.sum(), x).sum()], zeros)).all()
    percent = losses.absolute_percentage_error(x, np.zeros((1, 2), "float16"), eps=1e-9)
    np.testing.assert_array_equal(evaluate(percent, zeros), [[0, 0]])


def test_regions_of_nothing_are_0():
    p, t = wf.tensor("p", ("n", 2, 3), "float64"), wf.tensor("t", ("n", 2, 3), "bool")
    values = {p: np.zeros((2, 2, 3)), t: np.zeros((2, 2, 3), bool)}
    values[t][1, 0] = True
    y = losses.generalized_dice(p, t)
    found, slope = evaluate([y, grad(y.sum(), p)], values)
    np.testing.assert_array_equal(found, [0, 1])
    assert np.isfinite(slope).all()


def test_the_derivative_of_log_cosh_and_huber_at_0():
    x = wf.vector("x", dtype="float64")
    for loss in (losses.huber, losses.log_cosh):
        first = grad(loss(x, 0.0).sum(), x)
        np.testing.assert_allclose(evaluate([first, grad(first.sum(), x)], {x: np.zeros(2)}), [[0, 0], [1, 1]])


# ---- classes ---------------------------------------------------------------------------------------------------------


def test_ignored_rows_are_0_and_get_no_gradient():
    z, t = matrix("z", ("n", 3), "float64"), vector("t", ("n",), "int64")
    values = {z: np.array([[0.0, 1, 2], [3, 4, 5]]), t: np.array([-100, 2])}
    for loss in (losses.crossentropy, losses.focal, losses.nll):
        y = loss(z, t, ignore_index=-100)
        found, slope = evaluate([y, grad(y.sum(), z)], values)
        assert found[0] == 0
        assert found[1] != 0
        assert not slope[0].any()
        assert slope[1].any()
        np.testing.assert_allclose(evaluate(losses.masked_mean(y, t != -100), values), found[1])
        with pytest.raises(IndexRangeError):
            evaluate(loss(z, t, ignore_index=-1), values)


@pytest.mark.parametrize("kind", ["uint8", "int8", "int32"])
def test_labels_of_any_width_are_ignored(kind):
    z, t = matrix("z", ("n", 3), "float32"), vector("t", ("n",), kind)
    index = 255 if kind == "uint8" else -1
    f = wf.function([z, t], losses.crossentropy(z, t, ignore_index=index))
    loss = f(np.zeros((2, 3), "float32"), np.array([index, 1], kind))
    np.testing.assert_allclose(loss, [0, np.log(3)], rtol=1e-6)
    with pytest.raises(IndexRangeError):
        f(np.zeros((1, 3), "float32"), np.array([7], kind))
    with pytest.raises(wf.DTypeError, match="crossentropy: 300 does not fit in int8"):
        losses.crossentropy(z, vector("t", ("n",), "int8"), ignore_index=300)


def test_class_weights_and_their_mean():
    rng = np.random.default_rng(0)
    z, t = rng.normal(size=(5, 3)), np.array([0, 1, 2, 1, 0])
    w = np.array([1.0, 2.0, 0.5])
    plain = losses.crossentropy(z, t)
    weighted = evaluate(losses.crossentropy(z, t, class_weights=w))
    np.testing.assert_allclose(weighted, evaluate(plain) * w[t])
    np.testing.assert_allclose(evaluate(losses.weighted_mean(plain, w[t])), weighted.sum() / w[t].sum())


def test_losses_keep_the_dtype_of_predictions():
    y, t = matrix("y", ("n", 3), "float32"), matrix("t", ("n", 3), "int64")
    for loss in (losses.huber, losses.hinge, losses.poisson_nll, losses.log_cosh, losses.dice, losses.kl_div):
        assert loss(y, t).dtype == "float32"
    assert losses.crossentropy(y, t[:, 0], class_weights=np.ones(3), label_smoothing=0.1).dtype == "float32"


def test_signs_may_be_bools():
    scores, flags = np.array([0.5, -2.0, 3.0]), np.array([True, False, False])
    for loss in (losses.hinge, losses.squared_hinge, losses.soft_margin, losses.hinge_embedding):
        of_bools, of_numbers = evaluate([loss(scores, flags), loss(scores, np.where(flags, 1, -1))])
        np.testing.assert_array_equal(of_bools, of_numbers)


# ---- means -----------------------------------------------------------------------------------------------------------


def test_means_of_nothing_are_0_and_nan_is_left_out():
    x, m = matrix("x", ("n", 2), "float64"), matrix("m", ("n", 2), "bool")
    values = {x: np.array([[1.0, np.nan], [np.nan, np.inf]]), m: np.array([[True, False], [False, False]])}
    by_row, by_all = losses.masked_mean(x, m, 1), losses.masked_mean(x, m)
    weighted = losses.weighted_mean(x, m.astype("float64"), 1)
    np.testing.assert_array_equal(evaluate(by_row, values), [1, 0])
    np.testing.assert_array_equal(evaluate(weighted, values), [1, 0])
    assert evaluate(by_all, values) == 1
    np.testing.assert_array_equal(evaluate(grad(by_row.sum(), x), values), [[1, 0], [0, 0]])
    np.testing.assert_array_equal(evaluate(grad(weighted.sum(), x), values), [[1, 0], [0, 0]])
    empty = {x: np.zeros((0, 2)), m: np.zeros((0, 2), bool)}
    assert evaluate(by_all, empty) == 0
    by_first = losses.masked_mean(wf.square(wf.maximum(x, 1.0)), m[:, :1], 0)  # a mask for all columns
    np.testing.assert_array_equal(evaluate(by_first, {**values, x: np.array([[1.0, 2], [3, 4]])}), [1, 4])


# ---- errors ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("call", "says"),
    [
        (lambda x, t: losses.crossentropy(x, t, class_weights=np.ones(2)), r"class_weights have shape \(2,\).* \(3,\)"),
        (lambda x, t: losses.crossentropy(x, x, ignore_index=1), "ignore_index is a label"),
        (
            lambda x, t: losses.crossentropy(x, t, label_smoothing=1.5),
            r"label_smoothing is in \[0, 1\], and 1.5 is not",
        ),
        (lambda x, t: losses.crossentropy(x, t, ignore_index=0.5), "ignore_index is a whole number"),
        (
            lambda x, t: losses.crossentropy(wf.zeros((2, 3, 4)), wf.iota((2, 3)), axis=1),
            "crossentropy: labels of shape .* do not fit",
        ),
        (lambda x, t: losses.nll(x, x), "nll takes integer labels, not float32"),
        (lambda x, t: losses.focal(x, t, -1), "focal: gamma is a finite number from 0 up"),
        (lambda x, t: losses.huber(x, x, 0), "huber: delta is above 0"),
        (lambda x, t: losses.huber(x[:, :1], t), "huber: .* stretch each other"),
        (lambda x, t: losses.multiclass_hinge(x, t, p=3), "multiclass_hinge: p is 1 or 2"),
        (lambda x, t: losses.masked_mean(x, t), "masked_mean: the mask holds bools, not int64"),
        (lambda x, t: losses.info_nce(x, x[:, :2]), "info_nce takes two matrices of one shape"),
        (lambda x, t: losses.distance(x, x, 0.5), "distance: p is a number from 1 up, or infinity, not 0.5"),
        (lambda x, t: losses.gaussian_nll(t, t, x), r"gaussian_nll: var has shape \(n, 3\), .* to \(n,\)"),
        (
            lambda x, t: losses.gaussian_nll(x[:, :1], x[:, :1], x[:, 0]),
            r"gaussian_nll: var has shape \(n,\), which does not broadcast to \(n, 1\)",
        ),
        (
            lambda x, t: losses.gaussian_nll(np.zeros((4, 1)), np.zeros((4, 1)), np.ones(4)),
            r"gaussian_nll: var has shape \(4,\), which does not broadcast to \(4, 1\)",
        ),
        (
            lambda x, t: losses.binary_crossentropy(x[:, :1], x[:, :1], pos_weight=x[:, 0]),
            r"binary_crossentropy: pos_weight has shape \(n,\), which does not broadcast to \(n, 1\)",
        ),
        (
            lambda x, t: losses.binary_crossentropy(np.zeros(4), np.zeros(4), pos_weight=np.ones((4, 1))),
            r"binary_crossentropy: pos_weight has shape \(4, 1\), which does not broadcast to \(4,\)",
        ),
        (
            lambda x, t: losses.multilabel_soft_margin(x, x, x[:, :1]),
            r"multilabel_soft_margin: class_weights have shape \(n, 1\), and the classes \(3,\)",
        ),
        (
            lambda x, t: losses.multilabel_soft_margin(x[:, :1], x[:, :1], np.ones(4)),
            r"multilabel_soft_margin: class_weights have shape \(4,\), and the classes \(1,\)",
        ),
        (
            lambda x, t: losses.crossentropy(x[:, :1], t, class_weights=wf.vector("w", ("k",))),
            r"crossentropy: class_weights have shape \(k,\), and the classes \(1,\)",
        ),
        (lambda x, t: losses.multilabel_soft_margin(0.0, 1.0, np.ones(3)), "axis -1"),
        (lambda x, t: losses.multiclass_hinge(x, t, "1"), "multiclass_hinge: delta is a finite number"),
        (lambda x, t: losses.ctc(x, t), r"ctc: .* they need \(steps, batch, classes\) and \(batch, labels\)"),
    ],
)
def test_errors_say_what_is_wrong(call, says):
    with pytest.raises(wf.WeftError, match=says):
        call(matrix("x", ("n", 3), "float32"), vector("t", ("n",), "int64"))
