"""Recurrent networks, attention and text in the gallery."""

import numpy as np
import pytest

import weft as wf
from weft import nn

from ..sampling import every
from .programs import agree_with_torch, run

TEXT = "the quick brown fox jumps over the lazy dog, and "


@pytest.mark.parametrize("name", every(4, ["rnn", "lstm", "bidirectional", "char_rnn", "neural_ode", "transformer"]))
def test_program_runs(name, tmp_path):
    run(f"sequences.{name}", tmp_path, "--quick", *["--wait=3"] * (name == "lstm"))


@pytest.mark.slow
def test_an_lstm_learns_on_a_simulated_device(tmp_path):
    (tmp_path / "text.txt").write_text(TEXT * 2)
    sizes = ("--hidden=4", "--batch=4", "--time=2", "--epochs=1", "--sample=3")
    run("sequences.char_rnn", tmp_path, "--target=cuda:simulator", f"--data={tmp_path / 'text.txt'}", *sizes)


def remembered(torch, x, w, w_h, b, h, c):
    """All h, and the last (h, c), of an lstm over (batch, time, features)."""
    states = []
    for pushed in (x @ w + b).unbind(1):
        i, f, g, o = (pushed + h @ w_h).chunk(4, 1)
        c = torch.sigmoid(f) * c + torch.sigmoid(i) * torch.tanh(g)
        h = torch.sigmoid(o) * torch.tanh(c)
        states.append(h)
    return torch.stack(states, 1), (h, c)


@pytest.mark.parametrize("name", ["rnn", "lstm"])
def test_readers_of_rows_agree_with_torch(name, rng):
    from examples.sequences.rnn import network

    net = network(getattr(nn.layers, name), 3, 4, 5)

    def reference(torch, params, x, t):
        w, w_h, b, out, bias = params.values()
        h = torch.zeros(len(x), 5).double()
        if name == "lstm":
            h = remembered(torch, x, w, w_h, b, h, h)[1][0]
        else:
            for row in x.unbind(1):
                h = torch.tanh(row @ w + h @ w_h + b)
        return torch.nn.functional.cross_entropy(h @ out + bias, t)

    agree_with_torch(net["loss"], {net["x"]: rng.normal(size=(6, 3, 4)), net["t"]: np.arange(6)}, reference)


def test_rows_that_are_read_say_more_and_more(tmp_path):
    found = run("sequences.rnn", tmp_path, "--epochs=10", "--examples=600")
    assert found["test error, %"] < 20


def test_bidirectional_network_agrees_with_torch(rng):
    from examples.sequences.bidirectional import LETTERS, VOWELS, both, encoded, network

    inputs, loss, _, _ = network(both, 5, 3)
    words = ["abide", "tea", "by"]
    table, lengths = encoded(words, 5)

    def reference(torch, params, table, lengths):
        letters, *halves, out, bias = params.values()
        losses = []
        for word in words:
            shown = torch.tensor([LETTERS.index("_" if letter in VOWELS else letter) for letter in word])
            x, zeros = letters[shown][None], torch.zeros(1, 3).double()
            ahead = remembered(torch, x, *halves[:3], zeros, zeros)[0]
            behind = remembered(torch, x.flip(1), *halves[3:], zeros, zeros)[0].flip(1)
            logits = torch.cat([ahead, behind], 2)[0] @ out + bias
            losses += [
                -torch.log_softmax(row, 0)[VOWELS.index(v)] for row, v in zip(logits, word, strict=True) if v in VOWELS
            ]
        return sum(losses) / len(losses)

    agree_with_torch(loss, dict(zip(inputs, (table, lengths), strict=True)), reference)


@pytest.mark.slow
def test_what_follows_helps(tmp_path):
    found = run("sequences.bidirectional", tmp_path, "--epochs=8", "--examples=5000", "--units=64")
    assert found["wrong vowels, both, %"] < found["wrong vowels, forward, %"] - 3


def test_char_rnn_agrees_with_torch(rng):
    from examples.sequences.char_rnn import network

    net = network(7, 3)
    h, c = (rng.normal(size=(2, 3)) for _ in "hc")
    for variable, value in zip(net.memory, (h, c), strict=True):
        variable.set_value(value)
    x, t = rng.integers(0, 7, (2, 2, 5))
    loss = wf.function(
        [net.x, net.t],
        nn.losses.crossentropy(net.logits, net.t).mean(),
        givens={net.training: False},
        target="reference",
    )
    torch = pytest.importorskip("torch")
    letters, w, w_h, b, out, bias = (torch.tensor(p.get_value()) for p in nn.parameters(net.logits).values())
    states, last = remembered(torch, letters[torch.tensor(x)], w, w_h, b, torch.tensor(h), torch.tensor(c))
    wanted = torch.nn.functional.cross_entropy((states @ out + bias).flatten(0, 1), torch.tensor(t).flatten())
    np.testing.assert_allclose(loss(x, t), wanted.numpy())
    for variable, value in zip(net.memory, last, strict=True):
        np.testing.assert_allclose(variable.get_value(), value.numpy())


@pytest.mark.slow
def test_char_rnn_goes_on_where_it_was_cut_off(tmp_path, monkeypatch):
    (tmp_path / "text.txt").write_text(TEXT * 20)
    options = (f"--data={tmp_path / 'text.txt'}", "--hidden=8", "--batch=4", "--time=8", "--sample=3", "--epochs=4")
    save = nn.save

    def cut_off(path, *values):
        save(path, *values)
        if len(values[-1].get_value()) == 2:
            raise KeyboardInterrupt

    whole = run("sequences.char_rnn", tmp_path, *options)
    monkeypatch.setattr(nn, "save", cut_off)
    with pytest.raises(KeyboardInterrupt):
        run("sequences.char_rnn", tmp_path, *options)
    monkeypatch.setattr(nn, "save", save)
    assert run("sequences.char_rnn", tmp_path, *options, "--resume") == whole
    assert whole["nats per character"] < 3.2  # log(25) for 25 letters that are equally likely


def test_transformer_agrees_with_torch(rng):
    from examples.sequences.transformer import network

    inputs, logits = network(7, 6, 8, 2, 1)
    x, t = rng.integers(0, 7, (2, 3, 5))

    def reference(torch, params, x, t):
        taken = {name.removeprefix("net."): value for name, value in params.items()}

        def dense(h, name):
            return h @ taken[f"{name}_w"] + taken[f"{name}_b"]

        def norm(h, name):
            return torch.nn.functional.layer_norm(h, (8,), taken[f"{name}_scale"], taken[f"{name}_shift"])

        h = taken["embedding_w"][x] + taken["positions_w"][:5]
        seen = norm(h, "encoder.norm")
        q, k, v = (dense(seen, f"encoder.attention.{n}").unflatten(2, (2, 4)).transpose(1, 2) for n in "qkv")
        heads = torch.nn.functional.scaled_dot_product_attention(q, k, v, is_causal=True)
        h = h + dense(heads.transpose(1, 2).flatten(2), "encoder.attention.o")
        inner = torch.nn.functional.gelu(dense(norm(h, "encoder.norm2"), "encoder.dense"))
        h = norm(h + dense(inner, "encoder.dense2"), "norm")
        return torch.nn.functional.cross_entropy(dense(h, "out").flatten(0, 1), t.flatten())

    agree_with_torch(
        nn.losses.crossentropy(logits, inputs[1]).mean(), dict(zip(inputs, (x, t), strict=True)), reference
    )


def test_no_letter_sees_those_after_it(rng):
    from examples.sequences.transformer import network

    inputs, logits = network(7, 6, 8, 2, 1)
    f = wf.function(inputs[:1], logits, target="reference")
    x = rng.integers(0, 7, (1, 6))
    other = np.where(np.arange(6) < 4, x, (x + 1) % 7)
    before, after = f(x), f(other)
    np.testing.assert_allclose(before[:, :4], after[:, :4])
    assert (np.abs(before[:, 4:] - after[:, 4:]).max(axis=2) > 1e-4).all()


def test_strays_are_nearer_to_the_mean_of_another_class():
    from examples.sequences.neural_ode import strays

    places = np.array([[0.0, 0], [1, 0], [0, 1], [5, 5], [6, 5], [5, 6], [0, 0], [7, 7]])
    assert strays(places[:6], np.array([3, 3, 3, 8, 8, 8])) == 0
    assert strays(places, np.array([3, 3, 3, 8, 8, 8, 8, 3])) == 2 / 8


def test_flow_is_that_of_scipy_and_its_gradients_those_of_torch(rng):
    from examples.sequences.neural_ode import field, flow

    solve_ivp = pytest.importorskip("scipy.integrate").solve_ivp
    x = wf.matrix("x", ("batch", 4))
    states = flow(field(4, 6), x, 10, 2.0)
    start = rng.normal(size=(3, 4))
    w, b, v = (p.get_value() for p in nn.parameters(states).values())
    for before, after in zip(start, wf.function([x], states[-1], target="reference")(start), strict=True):
        exact = solve_ivp(lambda _, h: np.tanh(h @ w + b) @ v, (0, 2.0), before, rtol=1e-10, atol=1e-12).y[:, -1]
        np.testing.assert_allclose(after, exact, rtol=1e-3, atol=1e-3)

    def reference(torch, params, h):
        w, b, v = params.values()
        f = lambda h: torch.tanh(h @ w + b) @ v  # noqa: E731
        for _ in range(10):
            k1 = f(h)
            k2 = f(h + 0.1 * k1)
            k3 = f(h + 0.1 * k2)
            h = h + 0.2 / 6 * (k1 + 2 * k2 + 2 * k3 + f(h + 0.2 * k3))
        return h.square().sum()

    agree_with_torch(wf.square(states[-1]).sum(), {x: start}, reference)
