"""Attention: masks, large values, symbolic sizes, dropout; PyTorch's modules; what positions are for."""

import numpy as np
import pytest

import weft as wf
from weft.nn import layers, parameters

RNG = np.random.default_rng(0)


def test_who_sees_nothing_gets_nothing():
    q, k, v = (wf.matrix(n, (3, 4), "float64") for n in "qkv")
    mask = wf.matrix("mask", (3, 3), "bool")
    y = layers.dot_product_attention(q, k, v, mask)
    seen = np.array([[True, False, True], [False] * 3, [True] * 3])
    values = {q: RNG.normal(size=(3, 4)), k: RNG.normal(size=(3, 4)), v: RNG.normal(size=(3, 4)), mask: seen}
    found, *grads = wf.evaluate([y, *wf.grad((y * y).sum(), [q, k, v])], values)
    assert (found[1] == 0).all()
    assert all(np.isfinite(g).all() for g in grads)
    assert (grads[0][1] == 0).all()


@pytest.mark.parametrize("kind", ["float32", "float64", "float16"])
def test_large_values_do_not_overflow(kind):
    q, v = wf.matrix("q", (3, 2), kind), wf.matrix("v", (3, 2), kind)
    y = layers.dot_product_attention(q, q, v, causal=True, scale=1.0)
    f = wf.function([q, v], [y, *wf.grad(y.sum(), [q, v])])
    big = 100 if kind == "float16" else 1e4
    found = f(np.array([[big, 0], [0, big], [-big, big]], kind), np.eye(3, 2, dtype=kind))
    assert all(np.isfinite(a).all() for a in found)
    np.testing.assert_allclose(found[0], [[1, 0], [0, 1], [0, 0]])


def test_sizes_that_a_call_decides():
    q, k = wf.tensor("q", ("n", "queries", 4), "float64"), wf.tensor("k", ("n", "keys", 4), "float64")
    mask = wf.tensor("mask", ("n", 1, "keys"), "bool")
    y = layers.dot_product_attention(q, k, k, mask, causal=True)
    f = wf.function([q, k, mask], y)
    for n, queries, keys in ((2, 3, 5), (1, 1, 1), (2, 4, 2), (0, 2, 2)):
        a, b, seen = RNG.normal(size=(n, queries, 4)), RNG.normal(size=(n, keys, 4)), RNG.random((n, 1, keys)) < 0.7
        allowed = seen & np.tri(queries, keys, dtype=bool)
        powers = np.where(allowed, np.exp(a @ b.swapaxes(1, 2) / 2), 0)
        wanted = powers / np.maximum(powers.sum(-1, keepdims=True), 1e-300) @ b
        np.testing.assert_allclose(f(a, b, seen), wanted, rtol=1e-10, atol=1e-14)


def test_weights_are_dropped_in_training():
    x, flag = wf.tensor("x", (2, 3, 4)), wf.scalar("training", dtype="bool")
    y = layers.multi_head_attention(x, 2, dropout=0.5, stream=wf.random.Stream(1), training=flag)
    f = wf.function([x, flag], y)
    value = RNG.normal(size=(2, 3, 4)).astype("float32")
    np.testing.assert_array_equal(f(value, False), f(value, False))
    assert (f(value, True) != f(value, True)).any()


def of_torch(attention):
    """PyTorch's parameters: those of queries, keys, values and of the dense layer."""
    w, b = attention.in_proj_weight.detach().numpy(), attention.in_proj_bias.detach().numpy()
    out = attention.out_proj
    return [*(a.T for a in np.split(w, 3)), out.weight.detach().numpy().T], [*np.split(b, 3), out.bias.detach().numpy()]


def test_heads_are_torchs():
    torch = pytest.importorskip("torch")
    module = torch.nn.MultiheadAttention(6, 3, batch_first=True).double()
    torch.nn.init.normal_(module.in_proj_bias)
    value, other, seen = RNG.normal(size=(2, 4, 6)), RNG.normal(size=(2, 5, 6)), RNG.random((2, 5)) < 0.7
    seen[:, 0] = True
    theirs, _ = module(*map(torch.tensor, (value, other, other)), key_padding_mask=torch.tensor(~seen))
    x, context = wf.tensor("x", (2, 4, 6), "float64"), wf.tensor("context", (2, 5, 6), "float64")
    y = layers.multi_head_attention(x, 3, context, *of_torch(module), mask=seen[:, None, None, :])
    np.testing.assert_allclose(wf.evaluate(y, {x: value, context: other}), theirs.detach().numpy(), rtol=1e-10)


@pytest.mark.parametrize("first", [True, False])
def test_layers_of_transformers_are_torchs(first):
    """By their parameters' values, in the order in which both make them."""
    torch = pytest.importorskip("torch")
    value, memory = RNG.normal(size=(2, 3, 4)), RNG.normal(size=(2, 5, 4))
    x, context = wf.tensor("x", (2, 3, 4), "float64"), wf.tensor("context", (2, 5, 4), "float64")
    options = {"dim_feedforward": 8, "dropout": 0.0, "batch_first": True, "norm_first": first}
    causal = torch.nn.Transformer.generate_square_subsequent_mask(3, dtype=torch.float64)
    modules = [getattr(torch.nn, f"Transformer{n}Layer")(4, 2, **options).double() for n in ("Encoder", "Decoder")]
    theirs = [
        modules[0](torch.tensor(value), src_mask=causal),
        modules[1](torch.tensor(value), torch.tensor(memory), tgt_mask=causal),
    ]
    mine = [
        layers.transformer_encoder_layer(x, 2, 8, activation=wf.relu, norm_first=first, causal=True, name="t"),
        layers.transformer_decoder_layer(x, context, 2, 8, activation=wf.relu, norm_first=first, name="t"),
    ]
    for module, y, other in zip(modules, mine, theirs, strict=True):
        given = {}
        named = {"self_attn": "attention", "multihead_attn": "attention2"}
        for key, name in named.items():
            if hasattr(module, key):
                w, b = of_torch(getattr(module, key))
                given |= {f"t.{name}.{k}_w": a for k, a in zip("qkvo", w, strict=True)}
                given |= {f"t.{name}.{k}_b": a for k, a in zip("qkvo", b, strict=True)}
        for key, name in (("linear1", "dense"), ("linear2", "dense2")):
            given |= {f"t.{name}_w": getattr(module, key).weight.detach().numpy().T}
            given |= {f"t.{name}_b": getattr(module, key).bias.detach().numpy()}
        made = parameters(y)
        assert set(given) == {name for name in made if "norm" not in name}
        for name, array in given.items():
            made[name].set_value(array.astype("float32"))
        found = wf.evaluate(y, {x: value, context: memory})
        np.testing.assert_allclose(found, other.detach().numpy(), rtol=1e-4, atol=1e-5)


def test_shared_keys_are_keys_repeated():
    x = wf.tensor("x", (2, 3, 8), "float64")
    value = RNG.normal(size=(2, 3, 8))
    w = [RNG.normal(size=s) for s in ((8, 8), (8, 4), (8, 4), (8, 8))]
    wide = [w[0], *(np.repeat(a.reshape(8, 2, 1, 2), 2, 2).reshape(8, 8) for a in w[1:3]), w[3]]
    few, many = (
        layers.multi_head_attention(x, 4, None, w, None, kv_heads=2),
        layers.multi_head_attention(x, 4, x, wide, None),
    )
    a, b = wf.evaluate([few, many], {x: value})
    np.testing.assert_allclose(a, b, rtol=1e-10)


@pytest.mark.parametrize("halves", [False, True])
def test_rotated_products_depend_on_the_distance(halves):
    q, k = RNG.normal(size=(2, 6))
    x = wf.matrix("x", (9, 6), "float64")
    turn = wf.function([x], layers.rotary(x, halves=halves))
    products = turn(np.tile(q, (9, 1))) @ turn(np.tile(k, (9, 1))).T
    for d in range(-8, 9):
        np.testing.assert_allclose(np.diagonal(products, d), products[max(0, -d), max(0, d)], rtol=1e-10)
    np.testing.assert_allclose(turn(np.tile(q, (9, 1)))[0], q)


def test_slopes_of_heads_that_are_no_power_of_2():
    bias = wf.evaluate(layers.alibi(6, 2, 2))
    np.testing.assert_allclose(-np.log2(-bias[:, 0, 1]), [2, 4, 6, 8, 1, 3])
    assert (np.diagonal(bias, axis1=1, axis2=2) == 0).all()


def test_positions_of_symbolic_length():
    x = wf.tensor("x", ("n", "time", 4))
    y = layers.learned_positions(x, 5, np.arange(20.0).reshape(5, 4).astype("float32"))
    f = wf.function([x], [y, x + layers.sinusoidal_positions(x.shape[1], 4), layers.alibi(2, x.shape[1], x.shape[1])])
    found = f(np.zeros((2, 3, 4), "float32"))
    np.testing.assert_allclose(found[0][1], np.arange(12).reshape(3, 4))
    np.testing.assert_allclose(found[1][0, 2], [np.sin(2), np.cos(2), np.sin(0.02), np.cos(0.02)], rtol=1e-6)
    assert found[2].shape == (2, 3, 3)
    with pytest.raises(wf.WeftError, match="6"):
        f(np.zeros((2, 6, 4), "float32"))
    far = wf.evaluate(layers.sinusoidal_positions(100_001, 2))[-1]
    np.testing.assert_allclose(far, [np.sin(1e5), np.cos(1e5)], atol=1e-6)


X = wf.tensor("x", ("n", 3, 6))


def angles_of(positions, size):
    return np.outer(positions, 10000.0 ** (-2 * np.arange(size // 2) / size))


@pytest.mark.parametrize(("kind", "error"), [("float16", 2e-3), ("float32", 1e-6), ("float64", 1e-10)])
def test_far_positions_have_angles_of_their_own(kind, error):
    """Angles are not rounded to the dtype of what they turn: 70 000 is none of float16's numbers."""
    size, far = 8, [0, 1, 2999, 3000, 65_535, 69_999]
    angles = angles_of(far, size)
    pairs = np.stack([np.sin(angles), np.cos(angles)], -1).reshape(len(far), size)
    x = wf.tensor3("x", (1, "time", size), kind)
    turned = [layers.rotary(x, halves=halves)[0, np.array(far)] for halves in (False, True)]
    added = layers.sinusoidal_positions(x.shape[1], size, dtype=kind)[np.array(far)]
    ones = np.ones((1, 70_000, size), kind)
    a, b = np.cos(angles) - np.sin(angles), np.sin(angles) + np.cos(angles)
    wanted = [pairs, np.stack([a, b], -1).reshape(len(far), size), np.concatenate([a, b], -1)]
    for found in (wf.evaluate([added, *turned], {x: ones}), wf.function([x], [added, *turned])(ones)):
        for one, other in zip(found, wanted, strict=True):
            assert one.dtype == kind
            np.testing.assert_allclose(one, other, rtol=0, atol=error)


def test_heads_of_a_size_that_a_call_decides():
    q, k, v = (wf.tensor3(name, ("n", None, None), "float64") for name in "qkv")
    values = [RNG.normal(size=(2, 3, 5)) for _ in range(3)]
    found = wf.function([q, k, v], layers.dot_product_attention(q, k, v))(*values)
    fixed = layers.dot_product_attention(*(wf.constant(value) for value in values))
    np.testing.assert_allclose(found, wf.evaluate(fixed), rtol=1e-12)
    q, k, v = (wf.tensor3(name, (1, 2, "size"), "float16") for name in "qkv")
    ones = np.ones((1, 2, 300), "float16")
    np.testing.assert_array_equal(wf.function([q, k, v], layers.dot_product_attention(q, k, v))(ones, ones, ones), 1)


@pytest.mark.parametrize(
    ("make", "error", "text"),
    [
        (lambda: layers.multi_head_attention(X, 4), wf.ShapeError, "4 heads do not divide 6 features"),
        (lambda: layers.multi_head_attention(X, 6, kv_heads=4), wf.ShapeError, "kv_heads=4 does not divide heads=6"),
        (lambda: layers.multi_head_attention(X, 2, X[0]), wf.ShapeError, r"takes \(batch, time, features\)"),
        (lambda: layers.multi_head_attention(X, 2, w=[0.1] * 3), wf.ArgumentError, "w is one for all, or four"),
        (lambda: layers.dot_product_attention(X, X, X, np.ones((3, 3))), wf.DTypeError, "mask has bools"),
        (lambda: layers.dot_product_attention(X, X, X, np.ones((2, 3), bool)), wf.ShapeError, "mask has shape"),
        (lambda: layers.dot_product_attention(X, X[:, :, :4], X), wf.ShapeError, "inner dimensions differ"),
        (lambda: layers.dot_product_attention(X[0, 0], X, X), wf.ShapeError, "q has shape"),
        (lambda: layers.rotary(wf.matrix("x", (3, 5))), wf.ShapeError, "turned in pairs, and x has 5"),
        (lambda: layers.learned_positions(X, 2), wf.ShapeError, "x has 3 positions"),
        (lambda: layers.transformer_encoder_layer(X[0], 2, 8), wf.ShapeError, "x has 2 axes, and needs three"),
        (lambda: layers.squeeze_excite(wf.vector("x", (3,))), wf.ShapeError, "x has 1 axes"),
        (lambda: layers.sinusoidal_positions(3, 4, dtype="int32"), wf.DTypeError, "Positions are floats"),
    ],
)
def test_what_does_not_fit_says_so(make, error, text):
    with pytest.raises(error, match=text):
        make()
