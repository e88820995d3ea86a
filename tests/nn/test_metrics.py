"""Metrics against scikit-learn, where it is installed, and against their definitions."""

import numpy as np
import pytest

import weft as wf
from weft.nn import metrics

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


@pytest.mark.parametrize(
    ("call", "text"),
    [
        (lambda: metrics.roc_auc([1, 2], [1, 1]), "2 positive and 0 negative"),
        (lambda: metrics.roc_auc([1, np.nan], [1, 0]), "NaN"),
        (lambda: metrics.roc_auc([1, 2], [1]), "of one axis"),
        (lambda: metrics.average_precision([1, 2], [0, 0]), "no positive"),
        (lambda: metrics.roc([1, 2], [0, 0]), "roc: 0 positive and 2 negative"),
        (lambda: metrics.precision_recall([1, 2], [0, 0]), "precision_recall: there is no positive"),
        (lambda: metrics.f_beta(np.eye(2), 0.0), "f_beta: beta is above 0"),
        (lambda: metrics.pearson(wf.matrix("a", ("n", 1)), wf.vector("b", ("n",))), "pearson: .*stretch"),
        (lambda: metrics.precision(wf.vector("v", (3,))), "two axes"),
        (lambda: metrics.confusion(wf.vector("v", (3,)), wf.vector("t", (3,), "int64"), 3), "integer"),
    ],
)
def test_wrong_arguments_are_told(call, text):
    with pytest.raises(wf.WeftError, match=text):
        call()
