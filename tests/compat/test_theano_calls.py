"""theano.function, its arguments and modes, and what it returns; shared variables, loops, gradients in rarer forms."""

import numpy as np
import pytest

import weft as wf
import weft.compat.theano as theano
import weft.compat.theano.tensor as T  # noqa: N812
from weft.compat.theano.gradient import DisconnectedType, grad_undefined, subgraph_grad, verify_grad
from weft.compat.theano.ifelse import ifelse
from weft.compat.theano.scan_module import until
from weft.compat.theano.tensor.shared_randomstreams import RandomStreams

RNG = np.random.default_rng(0)


def values(outputs, given):
    """The arrays of variables, given {variable: array}."""
    return wf.evaluate([v.expr for v in outputs], {x.expr: np.asarray(v, x.dtype) for x, v in given.items()})


# ---- functions -------------------------------------------------------------------------------------------------------


def test_arguments_by_place_by_name_and_by_default():
    x, y, z = T.scalars("x", "y", "z")
    s = theano.shared(100.0)
    f = theano.function([x, theano.In(y, name="second", value=20.0), theano.In(z, value=s)], x + y * 10 + z, name="f")
    assert [float(v) for v in (f(1.0), f(1, 2, 3), f(1, second=2), f(z=0, x=3), f(1, z=7, second=0))] == [
        301, 24, 121, 203, 8,
    ]  # fmt: skip
    s.set_value(1000.0)
    assert f(0) == 1200
    for call, text in {
        lambda: f(1, 2, 3, 4): r"<theano function f> takes 3 arguments, and 4 were given",
        lambda: f(1, third=2): r"<theano function f> has no argument 'third'",
        lambda: f(1, y=2): r"<theano function f> has no argument 'y'",
        lambda: f(1, x=2): r"<theano function f> got 'x' twice",
        lambda: f(): r"<theano function f> is missing its argument x",
        lambda: f("text"): r"Bad input argument x",
    }.items():
        with pytest.raises(TypeError, match=text):
            call()
    assert f.maker.inputs == f.inputs
    assert [v.name for v in f.maker.fgraph.inputs] == ["x", "y", "z"]
    assert f.maker.outputs == [f.outputs]
    assert (f.name, f.profile, f.trust_input, f.n_returned_outputs, f.get_shared()) == ("f", None, False, 1, [])
    u = T.scalar()
    g = theano.function([u], [theano.Out(u * 2, borrow=True), u], mode="FAST_COMPILE")
    assert (repr(g), g(3.0), g.n_returned_outputs) == ("<theano function>", [6, 3], 2)
    with pytest.raises(TypeError, match="<theano function> is missing its argument number 0"):
        g()
    with pytest.raises(TypeError, match="Bad input argument number 0"):
        g(np.zeros(2))
    g.free()
    assert g(3.0) == [6, 3]


def test_functions_that_cannot_be():
    x, s = T.vector("x"), theano.shared(np.zeros(2), "s")
    for inputs, outputs, options, error, text in [
        ([3], x, {}, TypeError, "An input of theano.function is a variable, not int"),
        (["x"], x, {}, TypeError, "An input of theano.function is a variable, not str"),
        ([theano.In(x, update=x + 1)], x, {}, NotImplementedError, "written as an update of a shared variable"),
        ([x], x, {"updates": [(s, x), (s, s + x)]}, ValueError, "s is given two values"),
        ([x], x, {"givens": [(s, x), (s, s + x)]}, ValueError, "s is given two values"),
        ([x], x, {"updates": {s: x.sum()}}, TypeError, r"s is TensorType\(float64, vector\), and its update is"),
        ([x], x, {"updates": {s: x.dimshuffle("x", 0)}}, TypeError, "and its update is"),
        ([x, x], x, {}, wf.ArgumentError, "twice|more than once|two"),
    ]:
        with pytest.raises(error, match=text):
            theano.function(inputs, outputs, **options)
    for inputs, outputs in (([x], s), ([], x)):  # with the lines that it is about
        with pytest.raises((theano.compile.UnusedInputError, theano.graph.fg.MissingInputError)) as caught:
            theano.function(inputs, outputs)
        assert "test_theano_calls.py" in "".join(caught.value.__notes__)
    with pytest.warns(UserWarning, match="Nothing depends on"):
        theano.function([x], s, on_unused_input="warn")
    with theano.config.change_flags(on_unused_input="ignore"):
        theano.function((x,), s)


def test_updates_and_givens_in_the_dtype_of_what_they_replace():
    x, k = T.fvector("x"), T.bvector("k")
    s, n = theano.shared(np.zeros(2), "s"), theano.shared(np.zeros(2, "int32"), "n")
    f = theano.function([x, k], givens=[(s, x)], updates={s: s + k, n: k}, outputs=[s, n])
    outputs = f(np.float32([0.5, 1.5]), np.int8([1, 2]))
    assert [v.dtype.name for v in outputs] == ["float64", "int32"]
    np.testing.assert_array_equal(outputs, [[0.5, 1.5], [0, 0]])
    np.testing.assert_array_equal(s.get_value(), [1.5, 3.5])
    np.testing.assert_array_equal(n.get_value(), [1, 2])
    assert f.get_shared() == [s, n]
    alone = theano.function([k], updates={n: n + k})
    assert (alone([1, 1]), alone.copy()([1, 1]), n.get_value().tolist()) == ([], [], [3, 4])
    rng = RandomStreams(3)
    a, b = rng.uniform(()), RandomStreams(4).uniform(())
    held = theano.function([], [a, b], no_default_updates=[rng.rstate])
    (one, two), (three, four) = held(), held()
    assert (one == three, two == four) == (True, False)


def test_modes():
    x = T.vector("x")
    y = T.log(T.exp(x))
    plain, quick = (theano.function([x], y, mode=mode) for mode in ("FAST_RUN", "FAST_COMPILE"))
    assert [len(f.maker.fgraph.toposort()) > 1 for f in (plain, quick)] == [False, True]
    np.testing.assert_allclose(quick([1.0, 2.0]), [1, 2])
    seen = []

    class Watching(theano.compile.Mode):
        def before(self, function, arrays):
            seen.append((function.name, [a.dtype.name for a in arrays]))

    mode = Watching(linker="py", optimizer=None)
    assert (mode.linker, mode.optimizer, mode.including("a", "b"), mode.excluding("a"), mode.clone(linker="c")) == (
        "py", None, mode, mode, mode,
    )  # fmt: skip
    f = theano.function([x], x, mode=mode, name="watched")
    f([1])
    assert seen == [("watched", ["float64"])]
    assert f.maker.mode is mode
    get_mode = theano.compile.mode.get_mode
    assert get_mode(mode) is mode
    for made in (get_mode("FAST_RUN"), get_mode(), theano.compile.get_default_mode()):
        assert (type(made), made.optimizer) == (theano.compile.Mode, "default")
    with pytest.warns(UserWarning, match="weft's profiles are f.compiled.profile") as told:
        assert isinstance(theano.compile.ProfileMode(), theano.compile.Mode)
    assert told[0].filename == __file__


def test_evaluations_are_kept_by_their_inputs():
    x, y = T.scalars("x", "y")
    z = x * 10 + y
    assert [float(z.eval(given)) for given in ({x: 1, y: 2}, {y: 1, x: 2}, {"x": 3, "y": 4}, {x: 5.0, "y": 6})] == [
        12, 21, 34, 56,
    ]  # fmt: skip
    assert set(z.evaluators) == {(x, y), (y, x)}
    assert (T.constant(3) + 1).eval() == 4
    assert z.eval({x: 1, y: 2, T.scalar("other"): 3}) == 12


# ---- shared variables ------------------------------------------------------------------------------------------------


def test_shared_variables_in_every_form():
    s = theano.shared([[1.5, 2.5]], name="two words", allow_downcast=True, borrow=True, target="cpu")
    assert (s.name, s.dtype, s.ndim, s.get_value().tolist()) == ("two words", "float64", 2, [[1.5, 2.5]])
    assert [theano.shared(v).dtype for v in (1, 1.5, True, np.float32(1), np.int8([1]))] == [
        "int64", "float64", "bool", "float32", "int8",
    ]  # fmt: skip
    assert s.clone().name == "two words"
    assert s.clone(name="own").name == "own"
    assert s.default_update is None
    s.default_update = later = s + 1
    assert s.default_update is later
    s.default_update = None
    assert s.default_update is None
    np.testing.assert_array_equal(values(list(s), {})[0], [1.5, 2.5])
    assert (s.container.data.tolist(), s.container.type) == ([[1.5, 2.5]], s.type)
    for call, error, text in [
        (lambda: theano.shared("text"), TypeError, "A shared variable holds numbers, and its value is str"),
        (lambda: theano.shared([None], "n"), TypeError, r"and n is list \(object\)"),
        (lambda: theano.shared(1j), TypeError, "holds numbers"),
        (lambda: theano.shared(1.0, broadcastable=(True,)), ValueError, "has 1 entries, and the value has 0 axes"),
        (lambda: theano.shared([1, 2], broadcastable=(True,)), TypeError, "Axis 0 of .* has size 1"),
        (lambda: s.set_value([1.0]), TypeError, "two words has 2 axes, and its new value 1"),
        (lambda: theano.shared(1.0).set_value([1.0]), TypeError, "The shared variable has 0 axes"),
    ]:
        with pytest.raises(error, match=text):
            call()


# ---- loops and branches ----------------------------------------------------------------------------------------------


def test_names_and_dtypes_of_what_a_step_gets():
    x, h, w = T.vector("x"), T.constant([1, 2, 3]), theano.shared(2.0, "w")
    h.name = "h"
    seen = []

    def step(*values):
        seen.append([v.name for v in values])
        return values[0] * values[-1] + values[2], values[3] * 1.5

    sequences = [{"input": x, "taps": [1, -2]}]
    states = [{"initial": h, "taps": [-3]}, {"initial": T.constant(1, dtype="int8")}]
    (first, second), _ = theano.scan(step, sequences, states, [np.ones(2), w], name="loop", strict=True)
    assert seen[0] == ["x[t+1]", "x[t-2]", "h[t-3]", None, None, "w"]
    assert len(seen) == 2  # once more, in the dtypes of what came out
    assert (first.dtype, second.dtype) == ("float64", "float32")
    xs = np.arange(7.0)
    found = values([first, second], {x: xs})
    np.testing.assert_array_equal(found[0], [3 * 2 + 1, 4 * 2 + 2, 5 * 2 + 3, 6 * 2 + 7])
    np.testing.assert_array_equal(found[1], 1.5 ** np.arange(1, 5))
    plain, _ = theano.scan(lambda a: a, T.vector("y"))
    assert plain.ndim == 1


def test_numbers_of_steps_in_every_form():
    x, n = T.vector("x"), T.iscalar("n")
    runs = [
        (None, False), (np.inf, True), (3.0, False), (-2.0, False), (-2, True), (np.int64(2), True),
        (T.constant(3), False),
    ]  # fmt: skip
    outputs = [theano.scan(lambda a: a * 2, x, n_steps=steps, go_backwards=back)[0] for steps, back in runs]
    outputs.append(theano.scan(lambda a: a * 2, x, n_steps=n, go_backwards=True)[0])
    right = [[2, 4, 6, 8], [8, 6, 4, 2], [2, 4, 6], [8, 6], [2, 4], [8, 6], [2, 4, 6], [8]]
    for found, wanted in zip(values(outputs, {x: [1, 2, 3, 4], n: 1}), right, strict=True):
        np.testing.assert_array_equal(found, wanted)


def test_loops_over_several_arrays():
    x, y, z = T.vector("x"), T.matrix("y"), T.vector("z")
    (first, second), _ = theano.scan(lambda a, b, c: [a + b.sum() + c, a], (x, y, z))
    none = {"initial": None, "taps": None}
    mixed, _ = theano.scan(lambda a, h: [a, h + a, a * 2], x, [None, T.constant(1.0), none])
    turned, _ = theano.map(lambda a, k: a * k, x, [z[0]], -1, True)
    pair, _ = theano.reduce(lambda a, h, g: [h + a, g * a], x, [T.constant(0.0), T.constant(1.0)])
    back, _ = theano.reduce(lambda a, h: h * 2 + a, x, T.constant(0.0), go_backwards=True)
    ends, _ = theano.foldr(lambda a, h, k: h * k + a, x, T.constant(0.0), T.constant(3.0))
    starts, _ = theano.foldl(lambda a, h, k: h * k + a, x, T.constant(0.0), T.constant(3.0))
    a, b, c = np.array([1.0, 2, 3]), np.ones((2, 2)), np.array([10.0, 20, 30, 40])
    outputs = [first, second, *mixed, turned, *pair, back, ends, starts]
    right = [[13, 24], [1, 2], [1, 2, 3], [2, 4, 7], [2, 4, 6], [30, 20, 10], 6, 6, 3 * 4 + 2 * 2 + 1, 34, 18]
    for found, wanted in zip(values(outputs, {x: a, y: b, z: c}), right, strict=True):
        np.testing.assert_array_equal(found, wanted)


def test_ends_and_updates_of_loops():
    s, t = theano.shared(1.0, "s"), theano.shared(np.int32(5), "t")
    x, top = T.vector("x"), T.iscalar("top")
    kept, updates = theano.scan(lambda a: (a * s, [(s, s * 2), (t, t - 1)], until(t < 4)), x, truncate_gradient=1)
    bounded, _ = theano.scan(lambda h, top: (h + 1, until(top - h - 1 <= 0)), None, T.constant(0.0), top, n_steps=9)
    counted, _ = theano.scan(lambda h: (h + 1, until(T.cast(h - 2 >= 0, "int8"))), None, T.constant(0.0), n_steps=9)
    assert list(updates) == [s, t]
    outputs = [kept, *updates.values(), bounded, counted, T.grad(kept.sum(), x)]
    right = [[1, 4, 12], 8, 2, [1, 2, 3, 4], [1, 2, 3], [1, 2, 4, 0]]
    for found, wanted in zip(values(outputs, {x: [1, 2, 3, 4], top: 4}), right, strict=True):
        np.testing.assert_array_equal(found, wanted)
    assert updates[t].dtype == "int32"


def test_branches_of_different_dtypes():
    c, x, k = T.scalar("c"), T.vector("x"), T.bvector("k")
    pair = ifelse(c, (x, k), (k, k * 1000))
    one = ifelse(T.gt(c, 1), k, x, name="one")
    assert [v.dtype for v in (*pair, one)] == ["float64", "int16", "float64"]
    given = {x: [0.5, 1.5], k: [1, 2]}
    for flag, right in ((0.5, ([0.5, 1.5], [1, 2], [0.5, 1.5])), (0.0, ([1, 2], [1000, 2000], [0.5, 1.5]))):
        for found, wanted in zip(values([*pair, one], {**given, c: flag}), right, strict=True):
            np.testing.assert_array_equal(found, wanted)
    assert isinstance(ifelse(c, [x], [x]), list)
    with pytest.raises(ValueError, match="one branch has 2 variables, and the other 1"):
        ifelse(c, [x, k], [x])


# ---- gradients -------------------------------------------------------------------------------------------------------


def test_names_and_kinds_of_gradients():
    x, y, k = T.vector("x"), T.vector("y"), T.lvector("k")
    cost = (x**2 * y).sum()
    cost.name = "cost"
    dx, dy = T.grad(cost, [x, y])
    assert (dx.name, dy.name) == ("(dcost/dx)", "(dcost/dy)")
    assert T.grad(cost * 1.5, x, add_names=False).name is None
    twice = (x * 2).sum()
    twice.name = "twice"
    assert T.grad(twice, x, add_names=False).name is None
    whole = (k * 2).sum()
    for found in (T.grad(whole, x), T.grad(whole, x, return_disconnected="zero")):
        np.testing.assert_array_equal(values([found], {x: [1.0, 2.0]})[0], [0, 0])
    assert T.grad(whole, [x, k], return_disconnected="None") == [None, None]
    assert T.grad(x.sum(), [x, y], disconnected_inputs="ignore", return_disconnected="Disconnected")[1] is None
    assert T.grad(cost, [x, k], disconnected_inputs="ignore", return_disconnected="None")[1] is None
    dx.name = "slope"
    assert (T.grad(cost, x).name, dx.name) == ("(dcost/dx)", "slope")
    zero = T.grad(x.sum(), k, disconnected_inputs="ignore")
    assert (zero.dtype, zero.ndim) == ("float64", 1)
    assert DisconnectedType()() is None
    assert grad_undefined(None, 0, x) is None
    for derivative in (T.jacobian, T.hessian):
        with pytest.warns(UserWarning, match="does not depend on y"):
            derivative(x.sum(), y, disconnected_inputs="warn")
    for call, error, text in [
        (lambda: T.grad(None, x), ValueError, "grad needs a cost or known_grads"),
        (lambda: T.grad(cost, x, disconnected_inputs="skip"), ValueError, "not 'skip'"),
        (lambda: T.grad(cost, [x, 3]), TypeError, "Expected a variable, and got int: 3"),
        (lambda: T.jacobian(T.outer(x, y), x), ValueError, "jacobian takes a scalar or a vector, .* has 2 axes"),
        (lambda: T.grad(cost, [x, k]), theano.gradient.DisconnectedInputError, "does not depend on k"),
        (lambda: T.Lop(x * 2, y, x), theano.gradient.DisconnectedInputError, "does not depend on y"),
        (lambda: T.jacobian(x * 2, [x, y]), theano.gradient.DisconnectedInputError, "does not depend on y"),
        (lambda: T.hessian((x**2).sum(), y), theano.gradient.DisconnectedInputError, "does not depend on y"),
        (lambda: T.jacobian(x.sum(), y), theano.gradient.DisconnectedInputError, "does not depend on y"),
    ]:
        with pytest.raises(error, match=text):
            call()


def test_derivatives_in_every_form_of_their_arguments():
    x, y, z = T.vectors("x", "y", "z")
    a, b = np.array([1.0, -2.0]), np.array([3.0, 0.5])
    products, squares = x * y, x**2
    outputs = [
        *T.Rop([products, squares], [x, y], [T.constant([1, 0]), T.constant([1, 2])]),
        *T.Lop((products, squares), (x, y), [T.constant([1, 2]), [1, 1]]), T.Lop(squares, [x], x)[0],
        T.Lop(products.sum(), y, T.constant(2), disconnected_inputs="ignore"),
        T.Lop(products, z, x, disconnected_inputs="ignore").sum(),
        *T.jacobian(products, [x, y]), T.jacobian(squares.sum(), x), *T.jacobian((squares * y).sum(), (x, y)),
        *T.hessian((squares * y).sum(), [x, y]), T.hessian((x * squares).sum(), x, consider_constant=[squares]),
        T.jacobian((x * squares).sum(), x, consider_constant=squares),
        *subgraph_grad([x], [squares], cost=(squares * y).sum())[0], *subgraph_grad([x], [squares], {squares: y})[1],
        T.grad(None, y, known_grads=[(products, T.constant([1, 2]))]),
        T.jacobian(products, z, disconnected_inputs="ignore"), T.hessian(products.sum(), z, None, "ignore"),
    ]  # fmt: skip
    none = np.zeros((2, 2))
    right = [
        b * [1, 0] + a * [1, 2], 2 * a * [1, 0],
        b * [1, 2] + 2 * a, a * [1, 2], 2 * a * a, 2 * a, 0,
        np.diag(b), np.diag(a), 2 * a, 2 * a * b, a * a, np.diag(2 * b), none, none, a * a,
        2 * a * b, b, a * [1, 2], np.zeros((2, 1)), np.zeros((1, 1)),
    ]  # fmt: skip
    assert isinstance(T.Lop((products,), (x,), (x,)), tuple)
    assert isinstance(T.Rop([products], [x], [y]), list)
    for place, (found, wanted) in enumerate(zip(values(outputs, {x: a, y: b, z: [5]}), right, strict=True)):
        np.testing.assert_allclose(found, wanted, err_msg=str(place))


def test_gradients_are_checked_against_differences():
    verify_grad(lambda a, k: (a**2 * k).sum(), [RNG.normal(size=3), np.array([1, 2, 3])])
    with pytest.raises(wf.GradientError):
        verify_grad(
            lambda a: (theano.gradient.disconnected_grad(a) * a).sum(), [np.ones(2)], rng=np.random.RandomState(1)
        )
