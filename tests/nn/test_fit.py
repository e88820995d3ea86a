"""Training by `fit`: what it does is a loop over batches, and a run that is cut off ends with the same bits."""

import os
import signal
import subprocess
import sys

import numpy as np
import pytest

import weft as wf
from weft import nn

RNG = np.random.default_rng(0)
X = RNG.normal(size=(50, 4))
T = (X[:, 0] > X[:, 1]).astype(np.int64) + (X[:, 2] > 0.5)
MORE = RNG.normal(size=(21, 4))
THEIRS = (MORE[:, 0] > MORE[:, 1]).astype(np.int64) + (MORE[:, 2] > 0.5)


def network(seed=0):
    """(inputs, loss, logits, flag): dropout and batch normalisation behind a flag."""
    x, t = wf.matrix("x", ("n", 4)), wf.vector("t", ("n",), dtype="int64")
    flag = wf.scalar("training", dtype="bool")
    with nn.scope("net"):
        rng = np.random.default_rng(seed)
        h = wf.tanh(nn.layers.batch_norm(nn.layers.dense(x, 6, rng=rng), flag))
        logits = nn.layers.dense(nn.layers.dropout(h, 0.2, wf.random.Stream(seed), flag), 3, rng=rng)
    return [x, t], nn.losses.crossentropy(logits, t).mean(), logits, flag


def shaken(batch, rng):
    """Noise, which is drawn anew for each batch."""
    x, t = batch
    return x + rng.normal(size=x.shape).astype(np.float32) / 10, t


def trained(**options):
    """(bits of all variables, history) of a training."""
    inputs, loss, logits, flag = network()
    updates = nn.updates.adam(loss, list(nn.parameters(loss).values()), 0.01)
    right = nn.metrics.accuracy(logits, inputs[1])
    history = nn.fit(
        inputs, loss, (X, T), updates=updates, batch=16, validation=(MORE, THEIRS), metrics={"accuracy": right},
        training=flag, augment=shaken, progress=False, **options,
    )  # fmt: skip
    return {name: v.get_value().tobytes() for name, v in nn.variables(loss, updates).items()}, history


def test_it_is_a_loop_over_batches():
    inputs, loss, _, flag = network()
    history = nn.fit(inputs, loss, (X, T), epochs=3, batch=16, seed=5, training=flag, progress=False)
    inputs, loss, _, flag = network()
    updates = nn.updates.adam(loss, list(nn.parameters(loss).values()))
    step = wf.function(inputs, loss, updates=updates, givens={flag: True})
    expected = []
    for epoch in range(3):
        losses = [(len(t), float(step(x, t))) for x, t in nn.batches((X, T), 16, np.random.default_rng((5, epoch)))]
        expected.append(sum(n * value for n, value in losses) / 50)
    np.testing.assert_allclose(history["loss"], expected, rtol=1e-12)
    assert history.names == ["loss", "seconds"]


def test_validation_is_at_test_time_and_the_best_is_kept():
    inputs, loss, logits, flag = network()
    seen = []

    def watch(run):
        seen.append({name: v.get_value() for name, v in nn.variables(loss).items()})

    history = nn.fit(
        inputs, loss, (X, T), epochs=12, batch=10, validation=(MORE, THEIRS), training=flag,
        metrics={"accuracy": nn.metrics.accuracy(logits, inputs[1])}, monitor="accuracy", highest=True,
        callbacks=[watch], progress=False, updates=lambda loss, params: nn.updates.adam(loss, params, 0.05),
    )  # fmt: skip
    best = int(np.argmax(history["accuracy"]))
    now = nn.variables(loss)
    kept = ("net.dense_w", "net.norm_mean", "net.dense2_b")
    for name in kept:
        np.testing.assert_array_equal(now[name].get_value(), seen[best][name])
    test = wf.function(inputs, nn.metrics.accuracy(logits, inputs[1]), givens={flag: False})
    assert float(test(MORE, THEIRS)) == pytest.approx(history["accuracy"][best], abs=1e-6)
    assert history["loss"][-1] < history["loss"][0]


def test_the_last_epoch_may_be_kept():
    """Options of functions go to both; those that `fit` says itself are refused."""
    options = {"epochs": 3, "validation": (MORE, THEIRS), "progress": False, "on_unused_input": "warn"}
    seen = []
    inputs, loss, _, flag = network()

    def watch(run):
        seen.append(nn.variables(loss)["net.dense_w"].get_value())

    nn.fit(inputs, loss, (X, T), training=flag, keep_best=False, callbacks=[watch], **options)
    np.testing.assert_array_equal(nn.variables(loss)["net.dense_w"].get_value(), seen[-1])
    with pytest.raises(wf.ArgumentError, match="fit says itself what `givens` is"):
        nn.fit(inputs, loss, (X, T), training=flag, givens={}, **options)


def test_patience_and_callbacks_end_it():
    inputs, loss, _, flag = network()
    rate = wf.shared(0.0)
    history = nn.fit(
        inputs, loss, (X, T), epochs=50, training=flag, validation=(MORE, THEIRS), patience=3, progress=False,
        updates=lambda loss, params: nn.updates.sgd(loss, params, rate),
    )  # fmt: skip
    values = history["validation loss"]
    assert len(values) == int(np.argmin(values)) + 1 + 3

    def third(run):
        run.stop = run.epoch == 3

    assert len(nn.fit(inputs, loss, (X, T), epochs=50, training=flag, callbacks=[third], progress=False)) == 3
    assert len(nn.fit(inputs, loss, (X, T), epochs=0, training=flag, progress=False)) == 0


def test_data_in_a_dict_and_a_single_array():
    """Functions of a dict are called by its names."""
    for name in ("x", None):
        x = wf.matrix("x", ("n", 4))
        loss = nn.layers.dense(x, 1).mean() ** 2
        inputs, data = ({"x": x}, {"x": X}) if name else ([x], X)
        history = nn.fit(inputs, loss, data, epochs=2, validation=data, progress=False)
        assert len(history["validation loss"]) == 2


@pytest.mark.parametrize("every", [None, 1])
def test_more_epochs_go_on_from_a_checkpoint(every, tmp_path):
    whole, history = trained(epochs=4)
    path = tmp_path / "run.npz"
    trained(epochs=2, checkpoint=path, every=every)
    found, again = trained(epochs=4, checkpoint=path, every=every)
    assert again["validation loss"] == history["validation loss"]
    assert found == whole
    assert trained(epochs=4, checkpoint=path, every=every)[0] == whole  # which is done


CUT = """
import os, signal, sys
sys.path.insert(0, os.path.dirname(sys.argv[1]))
import test_fit
from pathlib import Path

calls, at = 0, int(sys.argv[3])

def cut(batch, rng):
    global calls
    calls += 1
    if calls == at:
        os.kill(os.getpid(), signal.SIGKILL)
    return shaken(batch, rng)

shaken, test_fit.shaken = test_fit.shaken, cut
found, history = test_fit.trained(epochs=3, checkpoint=sys.argv[2], every=2)
print(repr((found, history["loss"], history["validation loss"])))
"""


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="no such signal")
def test_a_run_that_is_killed_ends_with_the_same_bits(tmp_path):
    """Killed in its second epoch, between two checkpoints, and again in the third: three processes end as one does."""

    def run(path, at):
        command = [sys.executable, "-c", CUT, __file__, str(path), str(at)]
        return subprocess.run(command, capture_output=True, text=True, env=os.environ, check=False)

    whole = run(tmp_path / "whole.npz", 0)
    assert whole.returncode == 0, whole.stderr
    for at in (8, 3):
        cut = run(tmp_path / "cut.npz", at)
        assert cut.returncode == -signal.SIGKILL, cut.stderr
    last = run(tmp_path / "cut.npz", 0)
    assert last.returncode == 0, last.stderr
    assert last.stdout == whole.stdout
    assert "net.dense_w" in last.stdout


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({"monitor": "accuracy"}, "monitor is one of 'loss', 'seconds', not 'accuracy'"),
        ({"metrics": {"m": wf.scalar()}}, "there is none"),
        ({"metrics": {"loss": wf.scalar()}, "validation": (X, T)}, "a name of the history's own"),
        ({"batch": 0}, "batch"),
        ({"epochs": 1.5}, "epochs"),
        ({"augment": 3}, "augment"),
    ],
)
def test_wrong_arguments_are_told(options, text):
    inputs, loss, _, flag = network()
    with pytest.raises(wf.ArgumentError, match=text):
        nn.fit(inputs, loss, (X, T), training=flag, progress=False, **options)


def test_a_checkpoint_of_another_training(tmp_path):
    inputs, loss, _, flag = network()
    options = {"training": flag, "progress": False, "checkpoint": tmp_path / "run.npz"}
    nn.fit(inputs, loss, (X, T), epochs=1, batch=16, **options)
    with pytest.raises(wf.ArgumentError, match=r"was made with batch = 16, and this is 8"):
        nn.fit(inputs, loss, (X, T), epochs=1, batch=8, **options)
    nn.save(tmp_path / "run.npz", loss)
    with pytest.raises(wf.ArgumentError, match="no checkpoint"):
        nn.fit(inputs, loss, (X, T), epochs=1, batch=16, **options)


def test_the_learning_curve_and_the_table(tmp_path, capsys):
    pytest.importorskip("matplotlib")
    inputs, loss, logits, flag = network()
    metrics = {"accuracy": nn.metrics.accuracy(logits, inputs[1])}
    history = nn.fit(
        inputs, loss, (X, T), epochs=2, training=flag, validation=(MORE, THEIRS), metrics=metrics,
        picture=tmp_path / "out" / "curve.png",
    )  # fmt: skip
    assert (tmp_path / "out" / "curve.png").stat().st_size > 5000
    assert [line.get_label() for line in history.picture().axes[0].lines] == ["loss", "validation loss"]
    assert history._repr_html_().count("<tr>") == 3
    assert str(history).startswith("epoch 1: loss ")
    assert "accuracy" in capsys.readouterr().err
    with pytest.raises(wf.ArgumentError, match="it has loss, seconds, validation loss, accuracy"):
        history["error"]
