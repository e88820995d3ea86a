"""What is learnt and used again, in the gallery."""

import numpy as np
import pytest

import weft as wf
from weft import nn

from ..sampling import every
from .programs import agree_with_torch, run

PROGRAMS = ["fine_tuning", "features", "tsne"]


@pytest.mark.parametrize("name", every(3, PROGRAMS))
def test_program_runs(name, tmp_path):
    run(f"transfer.{name}", tmp_path, "--quick")


def test_network_agrees_with_torch(rng):
    from examples.convnet import body, head

    x, t = wf.tensor4("x", ("batch", 1, 8, 8)), wf.vector("t", ("batch",), dtype="int64")
    loss = nn.losses.crossentropy(head(body(x, 2), 5), t).mean()

    def reference(torch, params, x, t):
        h = x
        for name, padding in (("body.conv", 2), ("body.conv2", 1)):
            h = torch.nn.functional.conv2d(h, params[f"{name}_w"], params[f"{name}_b"], padding=padding)
            h = torch.nn.functional.max_pool2d(torch.relu(h), 2)
        h = torch.relu(h.flatten(1) @ params["body.dense_w"] + params["body.dense_b"])
        return torch.nn.functional.cross_entropy(h @ params["head_w"] + params["head_b"], t)

    agree_with_torch(loss, {x: rng.uniform(size=(3, 1, 8, 8)), t: np.array([1, 0, 4])}, reference)


def test_regression_is_that_of_scikit_learn(rng):
    linear_model = pytest.importorskip("sklearn.linear_model")
    from examples.transfer.features import regression

    rows, labels = rng.normal(size=(60, 4)), rng.integers(0, 3, 60)
    x = wf.matrix("x", ("batch", 4))
    t, logits, loss = regression(x, 3, 0.01)
    nn.minimize(loss, nn.parameters(loss), {x: rows, t: labels}, tol=1e-12, options={"maxiter": 500})
    found = wf.function([x], wf.softmax(logits))(rows)
    theirs = linear_model.LogisticRegression(C=1 / (2 * 60 * 0.01), tol=1e-10, max_iter=1000).fit(rows, labels)
    np.testing.assert_allclose(found, theirs.predict_proba(rows), atol=1e-4)


def test_few_examples_of_each_class(rng):
    from examples.common import Data
    from examples.transfer.data import few

    labels = rng.integers(5, 8, 60)
    found = few(Data(np.arange(60.0), labels, np.arange(4.0), labels[:4]), 3)
    assert sorted(found.labels) == [5, 5, 5, 6, 6, 6, 7, 7, 7]
    assert (labels[found.images.astype(int)] == found.labels).all()


def test_what_was_saved_is_loaded_by_name(tmp_path):
    from examples.convnet import body
    from examples.transfer.fine_tuning import chosen, network

    x = wf.tensor4("x", ("batch", 1, 8, 8))
    first = nn.parameters(body(x, 2))
    nn.save(tmp_path / "body.npz", first)
    params = nn.parameters(network(x, 2, tmp_path / "body.npz"))
    assert all((params[name].get_value() == p.get_value()).all() for name, p in first.items())
    assert [p.name for p in chosen(params, "last layer alone")] == ["head_w", "head_b"]
    assert len(chosen(params, "last two layers")) == 4
    assert chosen(params, "all layers") == list(params.values())


def test_only_what_is_trained_changes(rng, tmp_path):
    from examples.common import Data, options
    from examples.convnet import body, head, inputs, learn

    data = Data(*2 * [rng.uniform(size=(6, 1, 8, 8)), np.array([1, 0, 4, 2, 2, 3])])
    x, t = inputs(data)
    logits = head(body(x, 2), 5)
    before = {name: p.get_value() for name, p in nn.parameters(logits).items()}
    args = options(None, ["--out", str(tmp_path)], epochs=2, batch=4, rate=0.01)
    history = learn(args, [x, t], logits, data, trained=[nn.parameters(logits)["head_w"]])
    changed = [name for name, p in nn.parameters(logits).items() if (p.get_value() != before[name]).any()]
    assert changed == ["head_w"]
    wrong = np.argmax(wf.function([x], logits)(data.test_images), 1) != data.test_labels
    np.testing.assert_allclose(history["error"][-1], 100 * wrong.mean())


@pytest.mark.slow
def test_features_of_other_classes_are_better_than_random_ones(tmp_path):
    found = run("transfer.features", tmp_path, "--epochs=3")
    random, pixels, learnt = found.values()
    assert learnt < min(random, pixels)
