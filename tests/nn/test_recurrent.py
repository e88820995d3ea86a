"""Recurrent layers: masks, lengths, directions, states, symbolic sizes; and PyTorch's, of sequences of all lengths."""

import numpy as np
import pytest

import weft as wf
from weft.nn import layers, parameters

RNG = np.random.default_rng(0)
GATES = {"rnn": 1, "lstm": 4, "gru": 3}


def weights(kind, features=3, units=2):
    gates = GATES[kind]
    return [RNG.normal(size=s) for s in ((features, gates * units), (units, gates * units), (gates * units,))]


def evaluated(found, values):
    """(outputs, [states]) as arrays."""
    outputs, state = found
    states = list(state) if isinstance(state, tuple) else [state]
    outputs, *states = wf.evaluate([outputs, *states], values)
    return outputs, states


@pytest.mark.parametrize("kind", GATES)
@pytest.mark.parametrize("reverse", [False, True])
def test_sequences_of_all_lengths_are_as_if_alone(kind, reverse):
    layer, w = getattr(layers, kind), weights(kind)
    lengths, value = np.array([4, 0, 2, 1]), RNG.normal(size=(4, 4, 3))
    x, count = wf.tensor("x", (4, 4, 3), "float64"), wf.vector("lengths", (4,), "int32")
    outputs, states = evaluated(layer(x, 2, *w, lengths=count, reverse=reverse), {x: value, count: lengths})
    for i, n in enumerate(lengths):
        alone = wf.tensor("alone", (1, int(n), 3), "float64")
        mine, last = evaluated(layer(alone, 2, *w, reverse=reverse), {alone: value[i : i + 1, :n]})
        np.testing.assert_allclose(outputs[i, :n], mine[0], rtol=1e-12, atol=1e-15)
        for a, b in zip(states, last, strict=True):
            np.testing.assert_allclose(a[i], b[0], rtol=1e-12, atol=1e-15)
        rest = np.zeros(2) if reverse else states[0][i]
        np.testing.assert_allclose(outputs[i, n:], np.broadcast_to(rest, (4 - n, 2)), rtol=1e-12, atol=1e-15)


def test_a_mask_leaves_steps_out():
    value, mask, w = RNG.normal(size=(2, 5, 3)), np.array([[1, 0, 1, 1, 0], [0, 1, 0, 0, 1]], bool), weights("gru")
    x, kept = wf.tensor("x", (2, 5, 3), "float64"), wf.matrix("mask", (2, 5), "bool")
    outputs, (state,) = evaluated(layers.gru(x, 2, *w, mask=kept), {x: value, kept: mask})
    for i in range(2):
        alone = wf.tensor("alone", (1, int(mask[i].sum()), 3), "float64")
        mine, last = evaluated(layers.gru(alone, 2, *w), {alone: value[i : i + 1, mask[i]]})
        np.testing.assert_allclose(outputs[i, mask[i]], mine[0], rtol=1e-12)
        np.testing.assert_allclose(state[i], last[0][0], rtol=1e-12)
    assert (outputs[0, 1] == outputs[0, 0]).all()
    turned, (again,) = evaluated(
        layers.gru(x.swapaxes(0, 1), 2, *w, mask=kept.T, time_first=True), {x: value, kept: mask}
    )
    np.testing.assert_allclose(turned.swapaxes(0, 1), outputs, rtol=1e-12)
    np.testing.assert_allclose(again, state, rtol=1e-12)


def test_another_call_goes_on_where_one_ended():
    value, w = RNG.normal(size=(2, 6, 3)), weights("lstm")
    x = wf.tensor("x", (2, 6, 3), "float64")
    first, state = layers.lstm(x[:, :2], 2, *w)
    second, state = layers.lstm(x[:, 2:], 2, *w, state=state)
    whole, last = evaluated(layers.lstm(x, 2, *w), {x: value})
    parts, ended = evaluated((wf.concatenate([first, second], 1), state), {x: value})
    np.testing.assert_allclose(parts, whole, rtol=1e-12)
    np.testing.assert_allclose(ended, last, rtol=1e-12)


@pytest.mark.parametrize("kind", GATES)
def test_both_directions_and_lengths_are_torchs(kind):
    """Two layers, both directions, packed sequences: values and gradients."""
    torch = pytest.importorskip("torch")
    net = getattr(torch.nn, kind.upper())(3, 2, num_layers=2, bidirectional=True, batch_first=True).double()
    value, lengths = RNG.normal(size=(3, 4, 3)), [4, 1, 3]
    given = torch.tensor(value, requires_grad=True)
    packed = torch.nn.utils.rnn.pack_padded_sequence(given, torch.tensor(lengths), True, enforce_sorted=False)
    theirs, _ = torch.nn.utils.rnn.pad_packed_sequence(net(packed)[0], batch_first=True)
    x = wf.tensor("x", (3, 4, 3), "float64")
    h, made = x, []
    for number in range(2):
        sides = [of_torch(net, kind, f"l{number}{end}") for end in ("", "_reverse")]
        made += [sides[0]["w"], sides[1]["w_h"]]
        layer = getattr(layers, kind)
        h, _ = layers.bidirectional(layer, h, 2, lengths=lengths, forward=sides[0], backward=sides[1])
    seen = (np.arange(4) < np.array(lengths)[:, None])[..., None]
    np.testing.assert_allclose(wf.evaluate(h, {x: value}) * seen, theirs.detach().numpy(), rtol=1e-10, atol=1e-12)
    weighed = RNG.normal(size=(3, 4, 4)) * seen
    (theirs * torch.tensor(weighed)).sum().backward()
    grads = wf.evaluate(wf.grad((h * weighed).sum(), [x, *made]), {x: value})
    np.testing.assert_allclose(grads[0], given.grad.numpy(), rtol=1e-9, atol=1e-12)
    names = [f"weight_{a}_l{n}{end}" for n in range(2) for a, end in (("ih", ""), ("hh", "_reverse"))]
    for mine, name in zip(grads[1:], names, strict=True):
        np.testing.assert_allclose(mine, getattr(net, name).grad.numpy().T, rtol=1e-9, atol=1e-12)


def of_torch(net, kind, end):
    """PyTorch's parameters of one direction of a layer, as arguments."""
    w, w_h, b, b_h = (
        getattr(net, f"{p}_{end}").detach().numpy() for p in ("weight_ih", "weight_hh", "bias_ih", "bias_hh")
    )
    given = {"w": wf.shared(w.T, "w"), "w_h": wf.shared(w_h.T, "w_h")}
    if kind == "gru":
        return {**given, "b": np.concatenate([(b + b_h)[:4], b[4:]]), "b_h": b_h[4:]}
    return {**given, "b": b + b_h}


def test_it_learns_with_sizes_that_a_call_decides():
    """To tell whether the first element was positive, from the last state; (batch, time) are symbols."""
    x, t = wf.tensor("x", ("batch", "time", 1)), wf.vector("t", ("batch",))
    _, (h, _) = layers.lstm(
        x, 8, name="l", state=(wf.shared(np.zeros(8, "float32"), "h0"), np.zeros((1, 8), "float32"))
    )
    logits = layers.dense(h, 1, name="d")[:, 0]
    loss = wf.nn.losses.binary_crossentropy(logits, t).mean()
    made = parameters(loss)
    assert set(made) == {"h0", "l_w", "l_w_h", "l_b", "d_w", "d_b"}
    assert made["l_b"].get_value().tolist() == [0.0] * 8 + [1.0] * 8 + [0.0] * 16
    step = wf.function([x, t], loss, updates=wf.nn.updates.adam(loss, made, learning_rate=0.02))
    for i in range(150):
        value = RNG.normal(size=(16 + i % 3, 3 + i % 4, 1)).astype("float32")
        last = step(value, (value[:, 0, 0] > 0).astype("float32"))
    assert last < 0.3
    assert np.any(made["h0"].get_value())
    assert step(np.zeros((2, 0, 1), "float32"), np.ones(2, "float32")) > 0


def test_names_of_both_directions():
    x = wf.tensor("x", (2, 3, 3))
    with wf.nn.scope("net"):
        made = [layers.bidirectional(layers.rnn, x, 2, name=name)[0] for name in ("both", None)]
    names = ["both_forward", "both_backward", "rnn", "rnn2"]
    assert [n for y in made for n in parameters(y)] == [f"net.{n}_{w}" for n in names for w in ("w", "w_h", "b")]


def test_dtypes_meet():
    x = wf.tensor("x", (2, 3, 3), "float64")
    for kind in GATES:
        outputs, state = getattr(layers, kind)(x, 2)  # of weights in float32
        assert outputs.dtype == "float64"
        whole, _ = getattr(layers, kind)(wf.tensor("i", (2, 3, 3), "int32"), 2, state=state)
        assert whole.dtype == "float64"
    for options in ({}, {"peepholes": 0.0}):
        assert layers.lstm(wf.tensor("x", (2, 3, 3)), 2, **options)[0].dtype == "float32"


def test_peepholes_are_those_of_the_cell():
    value, w, p = RNG.normal(size=(2, 1, 3)), weights("lstm"), RNG.normal(size=(3, 2))
    x = wf.tensor("x", (2, 1, 3), "float64")
    start = RNG.normal(size=(2, 2, 2))
    _, last = layers.lstm(x, 2, *w, peepholes=p, state=(start[0], start[1]))
    cell = layers.lstm_cell(x[:, 0], (start[0], start[1]), *w, peepholes=p)
    for a, b in zip(wf.evaluate(list(last), {x: value}), wf.evaluate(list(cell), {x: value}), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-12)


def test_images_backwards_from_a_state():
    x = wf.tensor("x", ("n", "time", 2, "h", "w"))
    y, (h, _) = layers.conv_lstm2d(x, 3, 3, name="c")
    back, (first, _) = layers.conv_lstm2d(
        wf.flip(x, 1), 3, 3, *parameters(y).values(), reverse=True, state=(0.0, np.zeros((3, 1, 1), "float32"))
    )
    f = wf.function([x], [y, h, wf.flip(back, 1), first])
    found = f(RNG.normal(size=(2, 3, 2, 4, 5)).astype("float32"))
    assert found[0].shape == (2, 3, 3, 4, 5)
    np.testing.assert_allclose(found[0], found[2], rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(found[1], found[3], rtol=1e-5, atol=1e-6)
    np.testing.assert_array_equal(found[0][:, -1], found[1])


X = wf.tensor("x", ("n", 4, 3))


@pytest.mark.parametrize(
    ("make", "error", "text"),
    [
        (lambda: layers.lstm(wf.matrix("x", (4, 3)), 2), wf.ShapeError, r"lstm: x has shape .* needs three axes"),
        (lambda: layers.gru(wf.tensor("x", ("n", 4, "f")), 2), wf.ShapeError, "parameters are made for a number"),
        (lambda: layers.rnn(X, 2, mask=np.ones((3, 5), bool)), wf.ShapeError, "rnn: mask has shape"),
        (lambda: layers.rnn(X, 2, mask=np.ones((3, 4))), wf.DTypeError, "mask has bools, not float64"),
        (lambda: layers.rnn(X, 2, mask=np.ones((3, 4), bool), lengths=[1]), wf.ArgumentError, "not both"),
        (lambda: layers.gru(X, 2, lengths=[1.5]), wf.DTypeError, "lengths has integers"),
        (lambda: layers.lstm(X, 2, state=wf.zeros((3, 2))), wf.ArgumentError, r"state is a pair \(h, c\)"),
        (lambda: layers.gru(X, 2, state=wf.zeros((3, 5))), wf.ShapeError, "the state has shape"),
        (lambda: layers.lstm(X, 2, w=np.ones((3, 4))), wf.ShapeError, "lstm: w has shape"),
        (lambda: layers.conv_lstm2d(X, 2, 3), wf.ShapeError, r"needs \(batch, time, channels"),
        (lambda: layers.conv_lstm2d(wf.zeros((1, 1, 1, 3, 3)), 2, 2), wf.ArgumentError, "size is odd along each axis"),
        (lambda: layers.bidirectional(layers.gru, X, 2, forwards=1), wf.ArgumentError, "layer is not called with"),
        (lambda: layers.lstm_cell(X[:, 0], X[:, 0], 0, 0), wf.ArgumentError, r"lstm_cell: the state is a pair"),
        (lambda: layers.gru_cell(X[:, 0], np.ones((3, 2)), np.ones((3, 6)), np.ones((2, 4))), wf.ShapeError, "w_h has"),
    ],
)
def test_what_does_not_fit_says_so(make, error, text):
    with pytest.raises(error, match=text):
        make()
