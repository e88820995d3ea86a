"""Metrics against scikit-learn, where it is installed, and against their definitions."""

import re

import numpy as np
import pytest

import weft as wf
from weft.nn import metrics

OF_CONFUSIONS = [
    getattr(metrics, name)
    for name in ("precision", "recall", "f1", "f_beta", "specificity", "iou", "kappa", "matthews")
]
RNG = np.random.default_rng(0)
SCORES, LABELS = RNG.normal(size=(40, 5)).astype(np.float32), RNG.integers(0, 5, 40)


def test_accuracy_and_top_k():
    x, t = wf.matrix("x", ("n", 5)), wf.vector("t", ("n",), dtype="int64")
    f = wf.function(
        [x, t], [metrics.accuracy(x, t), metrics.top_k(x, t, 1), metrics.top_k(x, t, 3), metrics.top_k(x, t, 9)]
    )
    order = np.argsort(-SCORES, 1)
    hits = order == LABELS[:, None]
    expected = [hits[:, :1].any(1).mean(), hits[:, :1].any(1).mean(), hits[:, :3].any(1).mean(), 1.0]
    np.testing.assert_allclose(f(SCORES, LABELS), expected, rtol=1e-6)
    assert np.isnan(f(SCORES[:0], LABELS[:0])[0])
    with pytest.raises(wf.IndexRangeError, match="5 is out of range"):
        f(SCORES[:1], [5])


def test_ties_and_nan():
    x, t = wf.matrix("x", ("n", 3)), wf.vector("t", ("n",), dtype="int64")
    f = wf.function([x, t], [metrics.accuracy(x, t), metrics.top_k(x, t, 1)])
    assert [float(v) for v in f([[1, 1, 0]], [1])] == [0.0, 1.0]  # the first is the largest; none is larger
    assert [float(v) for v in f([[1, np.nan, 0]], [1])][1] == 0.0


def test_accuracy_of_yes_and_no():
    z, t = wf.vector("z", ("n",)), wf.vector("t", ("n",), dtype="int64")
    assert wf.function([z, t], metrics.accuracy(z, t))([-1.0, 0.0, 2.0, 3.0], [0, 1, 1, 0]) == 0.5
    assert wf.function([z, t], metrics.accuracy(z, t, 2.0))([-1.0, 0.0, 2.0, 3.0], [0, 1, 1, 0]) == 0.25


def test_confusion_and_what_follows_from_it():
    sklearn = pytest.importorskip("sklearn.metrics")
    x, t = wf.matrix("x", ("n", 5)), wf.vector("t", ("n",), dtype="int64")
    p = wf.vector("p", ("n",), dtype="int32")
    found = wf.function([x, t], metrics.confusion(x, t))(SCORES, LABELS)
    taken = SCORES.argmax(1)
    np.testing.assert_array_equal(found, sklearn.confusion_matrix(LABELS, taken, labels=range(5)))
    again = wf.function([p, t], metrics.confusion(p, t, 5))(taken.astype(np.int32), LABELS)
    np.testing.assert_array_equal(again, found)
    m = wf.matrix("m", (5, 5), dtype="int64")
    rates = wf.function([m], [metrics.precision(m), metrics.recall(m), metrics.f1(m)])(found)
    expected = sklearn.precision_recall_fscore_support(LABELS, taken, labels=range(5))[:3]
    np.testing.assert_allclose(rates, expected)
    with pytest.raises(wf.IndexRangeError):
        wf.function([p, t], metrics.confusion(p, t, 4))(taken.astype(np.int32), LABELS)


def test_what_else_follows_from_a_confusion():
    sklearn = pytest.importorskip("sklearn.metrics")
    taken = np.where(RNG.random(40) < 0.5, LABELS, SCORES.argmax(1))
    matrix = sklearn.confusion_matrix(LABELS, taken, labels=range(5))
    m = wf.matrix("m", (5, 5), dtype="int64")
    each = [metrics.f_beta(m, 2.0), metrics.iou(m), metrics.specificity(m)]
    expected = [
        sklearn.fbeta_score(LABELS, taken, beta=2.0, average=None),
        sklearn.jaccard_score(LABELS, taken, average=None),
        [sklearn.recall_score(i != LABELS, taken != i) for i in range(5)],
    ]
    np.testing.assert_allclose(wf.function([m], each)(matrix), expected)
    found = wf.function([m], [metrics.kappa(m), metrics.matthews(m)])(matrix)
    both = (sklearn.cohen_kappa_score, sklearn.matthews_corrcoef)
    np.testing.assert_allclose(found, [score(LABELS, taken) for score in both])


def test_correlations():
    stats = pytest.importorskip("scipy.stats")
    x, t = wf.vector("x", ("n",), "float64"), wf.vector("t", ("n",), "float64")
    f = wf.function([x, t], [metrics.pearson(x, t), metrics.concordance(x, t)])
    a, b = RNG.normal(size=(2, 30)) + 100
    b = b + a
    wanted = 2 * np.cov(a, b, ddof=0)[0, 1] / (a.var() + b.var() + (a.mean() - b.mean()) ** 2)
    np.testing.assert_allclose(f(a, b), [stats.pearsonr(a, b).statistic, wanted])
    np.testing.assert_allclose(f(a, a), [1.0, 1.0])
    np.testing.assert_allclose(f(a, 2 * a)[0], 1.0)


@pytest.mark.parametrize("digits", [0, 1, 5])
def test_curves(digits):
    sklearn = pytest.importorskip("sklearn.metrics")
    truth = RNG.random(100) < 0.3
    scores = np.round(RNG.normal(size=100) + truth, digits)
    for found, wanted in zip(
        metrics.roc(scores, truth), sklearn.roc_curve(truth, scores, drop_intermediate=False), strict=True
    ):
        np.testing.assert_allclose(found, wanted)
    precision, recall, thresholds = metrics.precision_recall(scores, truth)
    wanted = sklearn.precision_recall_curve(truth, scores)  # from the least up, with the point (1, 0) at the end
    np.testing.assert_allclose(precision, wanted[0][-2::-1])
    np.testing.assert_allclose(recall, wanted[1][-2::-1])
    np.testing.assert_allclose(thresholds, wanted[2][::-1])


@pytest.mark.parametrize("digits", [0, 1, 5])
def test_areas_under_curves(digits):
    """Few digits make ties."""
    sklearn = pytest.importorskip("sklearn.metrics")
    truth = RNG.random(300) < 0.3
    scores = np.round(RNG.normal(size=300) + truth, digits)
    assert metrics.roc_auc(scores, truth) == pytest.approx(sklearn.roc_auc_score(truth, scores), abs=1e-12)
    expected = sklearn.average_precision_score(truth, scores)
    assert metrics.average_precision(scores, truth) == pytest.approx(expected, abs=1e-12)


def test_areas_by_hand():
    assert metrics.roc_auc([1, 2, 3, 4], [0, 0, 1, 1]) == 1.0
    assert metrics.roc_auc([4, 3, 2, 1], [0, 0, 1, 1]) == 0.0
    assert metrics.roc_auc([1, 1, 1], [0, 1, 1]) == 0.5
    assert metrics.average_precision([3, 2, 1], [1, 0, 1]) == pytest.approx((1 + 2 / 3) / 2)


def test_r2():
    x, t = wf.vector("x"), wf.vector("t")
    f = wf.function([x, t], metrics.r2(x, t))
    a, b = RNG.normal(size=(2, 20)).astype(np.float32)
    assert f(a, b) == pytest.approx(1 - ((a - b) ** 2).sum() / ((b - b.mean()) ** 2).sum(), rel=1e-5)
    assert f(b, b) == 1.0


@pytest.mark.parametrize("kind", ["uint8", "bool", "int8"])
def test_r2_of_integers_and_bools_is_that_of_numbers(kind):
    most = 1 if kind == "bool" else 100
    a, b = ((most * np.array(v)).astype(kind) for v in ([0, 1, 1, 0, 1], [1, 1, 0, 0, 1]))
    wide, other = a.astype("float64"), b.astype("float64")
    expected = 1 - ((wide - other) ** 2).sum() / ((other - other.mean()) ** 2).sum()
    assert wf.evaluate(metrics.r2(a, b)) == pytest.approx(expected, rel=1e-6)


def test_r2_counts_targets_that_are_stretched_as_often_as_predictions():
    a, b = RNG.normal(size=(4, 3)), RNG.normal(size=3)
    wide = np.broadcast_to(b, a.shape)
    assert wf.evaluate(metrics.r2(a, b)) == pytest.approx(wf.evaluate(metrics.r2(a, wide.copy())))


def test_predictions_and_labels_of_one_shape_make_a_confusion():
    p, t = wf.tensor("p", ("n", 2, "m"), "uint8"), wf.tensor("t", ("n", 2, "m"), "int8")
    taken, truth = RNG.integers(0, 3, (2, 4, 2, 5))
    expected = np.zeros((3, 3), int)
    np.add.at(expected, (truth.ravel(), taken.ravel()), 1)
    found = wf.function([p, t], metrics.confusion(p, t, 3))(taken.astype("uint8"), truth.astype("int8"))
    np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize(
    ("call", "text"),
    [
        (lambda: metrics.roc_auc([1, 2], [1, 1]), "2 positive and 0 negative"),
        (lambda: metrics.roc_auc([1, np.nan], [1, 0]), "NaN"),
        (lambda: metrics.roc_auc([1, 2], [1]), "of one axis"),
        (lambda: metrics.roc_auc([1, 2], [1, np.nan]), "roc_auc: a label is NaN"),
        (lambda: metrics.roc([1, 2, 3], [1, np.nan, 0]), "roc: a label is NaN"),
        (lambda: metrics.average_precision([1, 2], [1, np.nan]), "average_precision: a label is NaN"),
        (lambda: metrics.average_precision([1, 2], [0, 0]), "no positive"),
        (lambda: metrics.roc([1, 2], [0, 0]), "roc: 0 positive and 2 negative"),
        (lambda: metrics.precision_recall([1, 2], [0, 0]), "precision_recall: there is no positive"),
        (lambda: metrics.f_beta(np.eye(2), 0.0), "f_beta: beta is above 0"),
        (lambda: metrics.pearson(wf.matrix("a", ("n", 1)), wf.vector("b", ("n",))), "pearson: .*stretch"),
        (lambda: metrics.r2(wf.matrix("a", ("n", 1)), wf.vector("b", ("n",))), "r2: .*stretch"),
        (lambda: metrics.r2(np.zeros((4, 1)), np.zeros(4)), "r2: .*stretch"),
        (
            lambda: metrics.accuracy(wf.matrix("a", ("n", 1)), wf.matrix("b", (1, "n"), "int64")),
            "accuracy: .*stretch",
        ),
        (lambda: metrics.accuracy(np.zeros((4, 3)), np.zeros((4, 3, 1), int)), "accuracy: labels of shape"),
        (lambda: metrics.accuracy(np.zeros((4, 3)), np.zeros(4)), "accuracy takes integer labels, not float64"),
        (lambda: metrics.top_k(np.zeros((4, 3)), np.zeros(4)), "top_k takes integer labels, not float64"),
        (lambda: metrics.top_k(np.zeros((4, 3)), np.zeros(5, int)), r"top_k: labels of shape \(5,\)"),
        (lambda: metrics.precision(wf.vector("v", (3,))), "two axes"),
        *[
            (lambda of=of: of(np.zeros((2, 3), int)), f"{of.__name__}.*confusion .*not {re.escape('(2, 3)')}")
            for of in OF_CONFUSIONS
        ],
        (lambda: metrics.confusion(wf.vector("v", (3,)), wf.vector("t", (3,), "int64"), 3), "integer"),
        (lambda: metrics.confusion(np.zeros((4, 3)), np.zeros(5, int)), r"confusion: labels of shape \(5,\)"),
        (
            lambda: metrics.confusion(np.zeros(4, int), np.zeros(1, int), 3),
            r"confusion: predictions of shape \(4,\) and labels of shape \(1,\)",
        ),
        (
            lambda: metrics.confusion(wf.vector("p", ("n",), "int64"), np.zeros(1, int), 3),
            r"confusion: predictions of shape \(n,\) and labels of shape \(1,\)",
        ),
        (
            lambda: metrics.confusion(np.zeros((2, 3), int), np.zeros((3, 2), int), 3),
            r"confusion: predictions of shape \(2, 3\) and labels of shape \(3, 2\)",
        ),
    ],
)
def test_wrong_arguments_are_told(call, text):
    with pytest.raises(wf.WeftError, match=text):
        call()
