"""Formulas in LaTeX: they read as one writes them, and say what the graph computes."""

import re
from pathlib import Path

import numpy as np
import pytest

import weft as wf
from weft.symbolic import drawing

from ..cases import CASES
from ..test_every_op import inputs_of
from .interpreter import run

N = 5


class Net:
    """Two layers of sigmoid units, as a user writes them."""

    def __init__(self, activation=wf.sigmoid):
        self.x = x = wf.matrix("x", ("n", 4), dtype="float64")
        self.y = y = wf.matrix("y", ("n", 2), dtype="float64")
        rng = np.random.default_rng(0)
        shapes = {"w1": (4, 3), "b1": (3,), "w2": (3, 2), "b2": (2,)}
        self.params = w1, b1, w2, b2 = [wf.shared(rng.normal(0, 1, s), name) for name, s in shapes.items()]
        z1 = x @ w1 + b1
        a1 = activation(z1)
        self.z2 = z2 = a1 @ w2 + b2
        a2 = activation(z2)
        C = wf.sum((a2 - y) ** 2) / 2
        self.C, self.hidden, self.out = C, a1, a2
        self.values = {x: rng.normal(0, 1, (N, 4)), y: rng.uniform(0, 1, (N, 2))}


def test_the_four_equations_of_backpropagation():
    net = Net()
    assert wf.latex(wf.grad(net.C, net.params)).splitlines() == [
        r"\begin{aligned}",
        r"z_{1} &= x w_{1} + b_{1} \\",
        r"a_{1} &= \sigma(z_{1}) \\",
        r"z_{2} &= a_{1} w_{2} + b_{2} \\",
        r"a_{2} &= \sigma(z_{2}) \\",
        r"\delta_{2} &= \frac{\partial C}{\partial z_{2}} = (a_{2} - y) \odot \sigma'(z_{2}) \\",
        r"\delta_{1} &= \frac{\partial C}{\partial z_{1}} = (\delta_{2} w_{2}^{\top}) \odot \sigma'(z_{1}) \\",
        r"\frac{\partial C}{\partial w_{1}} &= x^{\top} \delta_{1} \\",
        r"\frac{\partial C}{\partial b_{1}} &= \sum_{i=1}^{n} (\delta_{1})_{i} \\",
        r"\frac{\partial C}{\partial w_{2}} &= a_{1}^{\top} \delta_{2} \\",
        r"\frac{\partial C}{\partial b_{2}} &= \sum_{i=1}^{n} (\delta_{2})_{i}",
        r"\end{aligned}",
    ]


def numbers(net, more=()):
    """What the symbols of the formulas are."""
    values = {"n": N, "classes": 2} | {r"\mathrm{batch}": N}
    values |= {re.sub(r"(\d)", r"_{\1}", p.name): p.get_value() for p in net.params}
    return values | {x.name: v for x, v in net.values.items()} | dict(more)


def compare(net, outputs, more=(), given=None):
    """The formulas of several outputs, computed as they are written, are the outputs."""
    text = wf.latex({f"r{i}": y for i, y in enumerate(outputs)})
    found = run(text, numbers(net, more))
    for i, y in enumerate(outputs):
        wanted = wf.evaluate(y, given or net.values)
        np.testing.assert_allclose(found[f"r_{{{i}}}"], wanted, rtol=1e-9, err_msg=text)


@pytest.mark.parametrize("activation", [wf.sigmoid, wf.tanh, wf.relu, wf.sin, wf.exp], ids=lambda f: f.name)
def test_what_is_written_of_gradients_is_computed(activation):
    net = Net(activation)
    compare(net, wf.grad(net.C, net.params))
    compare(net, wf.grad((net.out * net.y).mean() + wf.sqrt(wf.square(net.z2).sum()), net.params))


def test_what_is_written_of_classifiers_is_computed():
    net = Net()
    t = wf.vector("t", ("n",), "int64")
    labels = np.array([0, 1, 1, 0, 1])
    loss = wf.crossentropy(net.z2, t).mean()
    given = net.values | {t: labels}
    compare(net, [loss, *wf.grad(loss, net.params)], {"t": labels}, given)
    assert r"\frac{1}{n} (\operatorname{softmax}(z_{2}) - \operatorname{onehot}(t))" in wf.latex(
        wf.grad(loss, net.params)
    )


def test_what_is_written_of_rows_is_computed():
    net = Net()
    p = wf.softmax(net.z2)
    centred = net.z2 - net.z2.mean(axis=1, keepdims=True)
    scale = wf.sqrt((centred**2).mean(axis=0) + 0.01)
    loss = (p * net.y).sum() + (centred / scale).sum() * 3
    compare(net, [p, centred, loss])
    compare(net, wf.grad(loss, net.params))


def test_vectors_are_columns_and_rows():
    u, v, m = wf.vector("u", (3,)), wf.vector("v", (3,)), wf.matrix("m", (3, 3))
    assert wf.latex(m @ u) == "m u"
    assert wf.latex(u @ m) == r"u^{\top} m"
    assert wf.latex(u @ v) == r"u^{\top} v"
    assert wf.latex(m * u) == r"m \odot u"
    assert wf.latex(m * u[:, None]) == r"m \odot (u \mathbf{1}^{\top})"
    assert wf.latex(wf.outer(u, v)) == r"(u \mathbf{1}^{\top}) \odot v"
    assert wf.latex(wf.grad(m @ u @ v, m)) == "\\begin{aligned}\n" + (
        r"\frac{\partial \mathcal{L}}{\partial m} &= v u^{\top}" + "\n\\end{aligned}"
    )


SCALARS = [
    (lambda a, b: a + b * 2, "a + 2 b"),
    (lambda a, b: a - (b - 1), "a - (b - 1)"),
    (lambda a, b: a - (-b), "a + b"),
    (lambda a, b: -(a + b), "-(a + b)"),
    (lambda a, b: a * 3 * 0.5 * b, r"\frac{3}{2} a b"),
    (lambda a, b: a * 0.1, "0.1 a"),
    (lambda a, b: a / 12, r"\frac{1}{12} a"),
    (lambda a, b: a * 1e-8, r"10^{-8} a"),
    (lambda a, b: a * 1.2345678e9, r"1.234568 \cdot 10^{9} a"),
    (lambda a, b: a / b, r"\frac{a}{b}"),
    (lambda a, b: (a + 1) / (b * 2), r"\frac{a + 1}{2 b}"),
    (lambda a, b: (a + b) ** 2, "(a + b)^{2}"),
    (lambda a, b: (a**2) ** b, "(a^{2})^{b}"),
    (lambda a, b: wf.exp(-a) * b, "e^{-a} b"),
    (lambda a, b: wf.log(a / b), r"\log\left(\frac{a}{b}\right)"),
    (lambda a, b: wf.sqrt(a) + wf.abs(b), r"\sqrt{a} + \lvert b \rvert"),
    (lambda a, b: wf.maximum(a, b) * wf.floor(a), r"\max(a, b) \lfloor a \rfloor"),
    (lambda a, b: wf.where(a > b, a, -b), r"\begin{cases} a & \text{if } a > b \\ -b & \text{otherwise} \end{cases}"),
    (lambda a, b: wf.logical_and(a > 0, wf.logical_not(b <= a)), r"a > 0 \land b > a"),
    (lambda a, b: (a > b).astype("float32") * a, r"\mathbb{1}[a > b] a"),
    (lambda a, b: a * float("inf") + float("nan"), r"a \infty + \mathrm{NaN}"),
    (lambda a, b: a.astype("int32"), r"\operatorname{trunc}(a)"),
    (lambda a, b: wf.gelu(a) // b, r"\left\lfloor \frac{\operatorname{GELU}(a)}{b} \right\rfloor"),
    (lambda a, b: wf.cond(a > 0, a, b), r"\begin{cases} a & \text{if } a > 0 \\ b & \text{otherwise} \end{cases}"),
]


@pytest.mark.parametrize(("make", "latex"), SCALARS, ids=[latex for _, latex in SCALARS])
def test_arithmetic(make, latex):
    assert wf.latex(make(wf.scalar("a"), wf.scalar("b"))) == latex


X, V = wf.matrix("x", ("n", 3)), wf.vector("v", ("n",))
ARRAYS = [
    (X.sum(), r"\sum_{i,j} x_{i,j}"),
    (X.sum(axis=0), r"\sum_{i=1}^{n} x_{i}"),
    (X.sum(axis=1), r"\sum_{j=1}^{3} x_{:,j}"),
    (V.mean(), r"\frac{1}{n} \sum_{i=1}^{n} v_{i}"),
    (X.mean(), r"\frac{1}{3 n} \sum_{i,j} x_{i,j}"),
    (X.max(axis=1), r"\max_{j} x_{:,j}"),
    ((V**2).sum(), r"\left\lVert v \right\rVert^{2}"),
    ((X**2).mean(), r"\frac{1}{3 n} \left\lVert x \right\rVert_{F}^{2}"),
    (wf.sqrt((V**2).sum()), r"\left\lVert v \right\rVert"),
    (wf.abs(V).sum(), r"\left\lVert v \right\rVert_{1}"),
    (wf.softmax(X), r"\operatorname{softmax}(x)"),
    (wf.log_softmax(X) + 1, r"\log \operatorname{softmax}(x) + 1"),
    (wf.logsumexp(X, axis=1), r"\operatorname{logsumexp}(x)"),
    (X[1:, 0], "x_{1:,0}"),
    (X[0], "x_{0}"),
    (X[::2], "x_{::2}"),
    (V[::-1], "v_{n - 1::-1}"),
    (X.T @ X, r"x^{\top} x"),
    (X.T.T * 2, "2 x"),
    (X**2, r"x^{\odot 2}"),
    (X * X, r"x \odot x"),
    (X.reshape(-1), r"\operatorname{vec}(x)"),
    (wf.concatenate([X, X]), r"\begin{bmatrix} x \\ x \end{bmatrix}"),
    (wf.trace(X[:3]), r"\operatorname{tr}(x_{:\min(3, n)})"),
    (wf.det(wf.matrix("a", (2, 2))), r"\det(a)"),
    (wf.inv(wf.matrix("a", (2, 2))) @ wf.vector("u", (2,)), "a^{-1} u"),
    (wf.eye(3) * 2, "2 I"),
    (wf.cumsum(V), r"\operatorname{cumsum}(v)"),
    (wf.take(V, wf.vector("k", (2,), "int64")), "v_{k}"),
    (X @ wf.constant(np.array([[1.0], [2.5], [0.0]])), r"x \begin{bmatrix} 1 \\ \frac{5}{2} \\ 0 \end{bmatrix}"),
    (wf.conv2d(wf.tensor4("x", ("b", 3, 8, 8)), wf.tensor4("k", (4, 3, 3, 3)), padding=1), r"x \ast_{p=1} k"),
    (wf.max_pool2d(wf.tensor4("x", ("b", 3, 8, 8)), 2), r"\operatorname{maxpool}_{2 \times 2}(x)"),
    (wf.callback(np.sort, V.type, V, name="my_sort"), r"\text{callback:my\_sort}(v)"),
]


@pytest.mark.parametrize(("expr", "latex"), ARRAYS, ids=[latex for _, latex in ARRAYS])
def test_arrays(expr, latex):
    assert wf.latex(expr) == latex


def test_names():
    names = {
        "w1": "w_{1}",
        "alpha": r"\alpha",
        "x_hat": r"\hat{x}",
        "learning_rate": r"\mathrm{learning}_{\mathrm{rate}}",
    }
    names |= {
        "h_t": "h_{t}",
        "W": "W",
        "λ": r"\lambda",
        "x'": "x'",
        "dense1.weight": r"\mathrm{weight}_{\text{dense1}}",
    }
    names |= {
        "50% of_it": r"\text{50\% of\_it}",
        r"\input{x}": r"\text{\textbackslash{}input\{x\}}",
        "eps": r"\varepsilon",
    }
    for name, latex in names.items():
        assert wf.latex(wf.scalar(name)) == latex
    assert (
        wf.latex(wf.matrix("w1") @ wf.vector("x") * wf.scalar("s"), bold=True) == r"s \boldsymbol{w}_{1} \boldsymbol{x}"
    )
    several = wf.latex([wf.scalar("a") + wf.scalar("a"), wf.scalar() * 2])
    assert r"y_{1} &= a + a_{1}" in several


def test_shared_parts_are_named_once():
    a, b = wf.scalar("a"), wf.scalar("b")
    part = wf.sin(a + b)
    assert wf.latex(part * part).splitlines()[1:-1] == [
        r"\mathrm{part} &= \sin(a + b) \\",
        r"y &= \mathrm{part} \, \mathrm{part}",
    ]
    assert r"s &= \sin(a + b)" in wf.latex(part * part, {part: "s"})
    assert r"u_{1} &= \cos(a + b)" in wf.latex((lambda v: v * v)(wf.cos(a + b)))
    assert wf.latex(part + 1) == r"\sin(a + b) + 1"  # used once
    total = {"total": part + 1, "twice": part * 2}
    assert wf.latex(total).splitlines()[2:-1] == [
        r"\mathrm{total} &= \mathrm{part} + 1 \\",
        r"\mathrm{twice} &= 2 \, \mathrm{part}",
    ]


def layer(h, w):
    z = h @ w
    return wf.tanh(z)


def test_names_from_lines_of_loops_and_functions():
    h, ws = X, [wf.shared(np.ones((3, 3), np.float32), f"w{i}") for i in (1, 2)]
    for w in ws:
        h = layer(h, w)
    lines = wf.latex([h, h * h]).splitlines()[1:-1]
    assert lines[:2] == [r"z &= x w_{1} \\", r"z_{1} &= \tanh(z) w_{2} \\"]
    (z, other) = X @ ws[0], X @ ws[1]
    self = type("", (), {})()
    self.state = X @ X.T
    assert wf.latex([z, other, self.state]).splitlines()[1:-1] == [
        r"z &= x w_{1} \\",
        r"\mathrm{other} &= x w_{2} \\",
        r"\mathrm{state} &= x x^{\top}",
    ]
    fresh = wf.matrix("x", ("n", 3))
    mean = wf.mean(fresh)
    assert wf.latex([mean, fresh]).splitlines()[1] == r"\mathrm{mean} &= \frac{1}{3 n} \sum_{i,j} x_{i,j} \\"
    del mean
    inner = wf.grad(wf.mean(X * X), X)  # its parts are of a line, and not what the line assigns
    assert "inner" not in wf.latex([wf.grad(wf.sum(inner * 3), X), X])


def test_long_formulas_are_cut():
    y = wf.scalar("a")
    for _ in range(600):
        y = wf.sin(y) + 1
    lines = wf.latex(y).splitlines()
    assert len(lines) > 50
    assert max(map(len, lines)) < 400


def test_recurrences():
    x, u = wf.tensor3("x", ("T", "n", 4)), wf.shared(np.zeros((5, 5), np.float32), "U")
    w = wf.shared(np.zeros((4, 5), np.float32), "W")

    def step(h, x):
        h = wf.tanh(x @ w + h @ u)
        return h, h

    last, every = wf.scan(step, wf.zeros((x.shape[1], 5)), x)
    assert wf.latex(last).splitlines()[1:-1] == [
        r"h_{0} &= 0 \\",
        r"h_{t} &= \tanh(x_{t} W + h_{t-1} U), \quad t = 1, \dots, T \\",
        r"y &= h_{T}",
    ]
    assert r"\sum_{i,j,k} h_{i,j,k}" in wf.latex(every.sum())
    gradient = wf.latex(wf.grad(last.sum(), [w, u]))
    assert r"s = T, \dots, 1" in gradient
    assert r"\frac{\partial \mathcal{L}}{\partial W} &= \sum_{t=1}^{T} (x_{t})^{\top} p_{t}" in gradient
    assert r"\frac{\partial \mathcal{L}}{\partial U} &= \sum_{t=1}^{T} (h_{t-1})^{\top} p_{t}" in gradient
    doubled = wf.while_loop(lambda v: v < 10, lambda v: v * 2, wf.scalar("s"))
    assert (
        wf.latex(doubled).splitlines()[2]
        == r"h_{t} &= 2 h_{t-1}, \quad t = 1, \dots, T \text{ as long as } h_{t} < 10 \\"
    )


def test_draws():
    rng = wf.random.Stream(0)
    noise = rng.normal((3,))
    assert wf.latex(wf.vector("x", (3,)) + noise * 0.1).splitlines()[1:-1] == [
        r"\mathrm{noise} &\sim \mathcal{N}(0, 1) \\",
        r"y &= x + 0.1 \, \mathrm{noise}",
    ]
    assert r"b &\sim \mathrm{Bernoulli}(0.3)" in wf.latex(rng.bernoulli(0.3, (3,)).astype("float32") * 2)
    assert r"u &\sim \mathcal{U}(0, 1)" in wf.latex(rng.uniform((3,)) * 2)


def test_functions_with_updates():
    w = wf.shared(np.zeros(3, np.float32), "w")
    cost = (w**2).sum()
    step = wf.function([], cost, updates={w: w - 0.1 * wf.grad(cost, w)})
    assert wf.latex(step).splitlines()[1:-1] == [
        r"\mathrm{cost} &= \left\lVert w \right\rVert^{2} \\",
        r"w &\gets w - 0.2 w" if "0.2" in wf.latex(step) else r"w &\gets w - \frac{1}{5} w",
    ]


def test_own_ops():
    class Twist(wf.Op):
        def infer(self, x):
            return x

        def latex(self, x):
            return rf"\tau\langle {x}\rangle"

    class Plain(wf.Op):
        def infer(self, x):
            return x

    assert wf.latex(wf.apply(Twist(), X + 1)) == r"\tau\langle x + 1\rangle"
    assert wf.latex(wf.apply(Plain(), X)) == r"\operatorname{plain}(x)"


@wf.elementwise
def swish_like(x):
    return x * wf.sigmoid(x)


def test_own_functions():
    assert wf.latex(swish_like(X)) == r"\operatorname{swish\_like}(x)"


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.label)
def test_every_op_is_valid(case):
    inputs = inputs_of(case, "float32")
    result = case.call(*inputs)
    outputs = list(result) if isinstance(result, list | tuple) else [result]
    check_valid(wf.latex(outputs))


def check_valid(latex):
    """Braces and fences in pairs, environments closed, nothing that ends a formula."""
    plain = re.sub(r"\\[{}$%#&_\\]|\\left.|\\right.", " ", latex.replace(r"\left\{", " ").replace(r"\right\}", " "))
    depth = 0
    for character in plain:
        depth += {"{": 1, "}": -1}.get(character, 0)
        assert depth >= 0, latex
    assert depth == 0, latex
    assert len(re.findall(r"\\left(?![a-z])", latex)) == len(re.findall(r"\\right(?![a-z])", latex))
    assert re.findall(r"\\begin\{(\w+)\}", latex).sort() == re.findall(r"\\end\{(\w+)\}", latex).sort()
    assert not re.search(r"(?<!\\)[$%#]|_\{[^{}]*\}_|\^\{[^{}]*\}\^|<weft", latex), latex


def test_notebooks_show_small_formulas_and_large_graphs(monkeypatch):
    small, large = wf.tanh(X), X
    for _ in range(drawing.SMALL):
        large = wf.sin(large)
    assert small._repr_latex_() == r"$\displaystyle \tanh(x)$"
    assert small._repr_html_() is small._repr_svg_() is None
    assert large._repr_latex_() is None
    assert sum(r is not None for r in (large._repr_html_(), large._repr_svg_())) == 1
    monkeypatch.setattr(drawing, "_has_graphviz", lambda: False)
    assert large._repr_svg_() is None
    assert large._repr_html_().startswith("<pre>x = input")


def test_the_page_on_formulas_runs(tmp_path, capsys):
    section = (
        (Path(wf.__file__).parent / "docs" / "moving.md")
        .read_text()
        .partition("## Formulas\n")[2]
        .partition("\n## ")[0]
    )
    blocks = re.findall(r"^```(\w*)\n(.*?)^```$", section, re.MULTILINE | re.DOTALL)
    path, names = tmp_path / "formulas.py", {}
    path.write_text("\n".join(code for language, code in blocks if language == "python"))
    exec(compile(path.read_text(), str(path), "exec"), names)
    assert capsys.readouterr().out == "".join(code for language, code in blocks if not language)
    values = {names["v"]: np.array([1.0, 2.0, 3.0])}
    np.testing.assert_allclose(
        wf.evaluate(names["slope"], values), [np.cos(t) / t - np.sin(t) / t**2 for t in (1, 2, 3)], rtol=1e-5
    )


def test_mistakes():
    for wrong in (3, [X, "x"], [], {"a": None}):
        with pytest.raises(wf.ArgumentError, match="latex takes an expression, a graph, or several"):
            wf.latex(wrong)
    with pytest.raises(wf.ArgumentError, match="the name of an expression is a string, not 3"):
        wf.latex(X, {X: 3})
    with pytest.raises(wf.ArgumentError, match="bold is True or False"):
        wf.latex(X, bold="yes")
