"""Variables are others where they are written again or copied, and know which op made them of what."""

import copy
import pickle

import numpy as np
import pytest

import weft.compat.theano as theano
import weft.compat.theano.tensor as T  # noqa: N812
from weft.compat.theano import gof
from weft.compat.theano.gof.graph import ancestors, inputs, io_toposort
from weft.compat.theano.scan_module.scan_op import Scan

# ---- variables -------------------------------------------------------------------------------------------------------


def test_an_expression_that_is_written_twice_is_two_variables():
    x, y = T.vector("x"), T.vector("y")
    for make in (
        lambda: x + 1, lambda: T.exp(x), lambda: T.dot(x, y), lambda: x[:2], lambda: x.sum(),
        lambda: x.dimshuffle(0, "x"),
        lambda: T.concatenate([x, y]), lambda: T.nnet.softmax(x), lambda: T.zeros((3,)), lambda: T.arange(3),
        lambda: x.shape,
        lambda: x.shape[0], lambda: T.set_subtensor(x[:2], 0), lambda: T.grad((x * x * y).sum(), x), lambda: x.copy(),
        lambda: theano.scan(lambda v: v * 2, x)[0],
    ):  # fmt: skip
        first, second = make(), make()
        first.name, second.name = "first", "second"
        first.tag.role = "one"
        assert (first is second, first.name, hasattr(second.tag, "role")) == (False, "first", False)
        assert gof.graph.is_same_graph(first, second)
    assert T.cast(x, x.dtype) is x


def test_names_of_what_is_no_longer_held_are_kept_by_what_is_made_of_it():
    x = T.vector("x")
    hidden = T.tanh(x)
    hidden.name, hidden.tag.role = "hidden", "layer"
    cost = T.nnet.categorical_crossentropy(T.nnet.softmax(hidden * 2), T.constant([[0.0, 1.0]])).sum()
    del hidden
    names = {v.name for v in ancestors([cost])}
    assert {"x", "hidden"} <= names
    (found,) = [v for v in ancestors([cost]) if v.name == "hidden"]
    assert found.tag.role == "layer"
    assert theano.pp(T.grad(cost, x)).count("hidden") > 0


def test_copies_are_replaced_on_their_own():
    x, y = T.vector("x"), T.vector("y")
    a, b = x.copy(), x.copy("b")
    assert (a.name, b.name, x.name, a.type == x.type) == (None, "b", "x", True)
    assert (a.owner.op, a.owner.inputs) == (T.identity, [x])
    total = a * 100 + b * 10 + x
    f = theano.function([x, a], total)
    np.testing.assert_array_equal(f([1.0, 2.0], [3.0, 4.0]), [311, 422])
    (found,) = [theano.clone(total, {b: y})]
    np.testing.assert_array_equal(found.eval({x: [1.0], y: [5.0]}), [151])
    np.testing.assert_array_equal(theano.function([x], total, givens={a: 2 * x})([1.0]), [211])
    slopes = T.grad(total.sum(), [x, a, b])
    assert [float(g.eval({x: [1.0]})[0]) for g in slopes] == [111, 100, 10]
    hidden = T.tanh(a)
    np.testing.assert_array_equal(theano.function([x], hidden * 2, givens={hidden: x})([3.0]), [6])
    inside, _ = theano.scan(lambda v: v.copy() * 2 + v, x)
    np.testing.assert_array_equal(inside.eval({x: [1.0, 2.0]}), [3, 6])
    compiled = theano.function([x], T.log(T.nnet.softmax(x.copy()).copy()))
    assert np.isfinite(compiled([0.0, 2000.0])).all()  # rules see through copies
    assert "= copy(" not in compiled.compiled.explain("graph")
    with theano.config.change_flags(compute_test_value="raise"):
        x.tag.test_value = np.array([1.0, 2.0])
        assert (x.copy() * 3).tag.test_value.tolist() == [3, 6]
    back = pickle.loads(pickle.dumps(total))
    assert len(inputs([back])) == len(inputs([total]))


ELEMENTWISE = """
abs_ neg exp log sqrt sqr tanh sin ceil floor sgn inv erf isnan nnet.sigmoid nnet.softplus add sub mul true_div int_div
mod pow maximum minimum eq neq lt le gt ge
""".split()  # noqa: SIM905

# ---- ops -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ELEMENTWISE)
def test_elementwise_functions_are_ops(name):
    op = T
    for part in name.split("."):
        op = getattr(op, part)
    scalar = getattr(theano.scalar, name.split(".")[-1])
    assert isinstance(op, T.Elemwise)
    assert isinstance(op, theano.Op)
    assert (op.scalar_op, op) == (scalar, T.Elemwise(scalar))
    assert hash(op) == hash(T.Elemwise(scalar))
    assert isinstance(scalar, theano.scalar.ScalarOp)
    assert str(op) == f"Elemwise{{{scalar},no_inplace}}"
    for other in (copy.copy(op), copy.deepcopy([op])[0], pickle.loads(pickle.dumps(op))):
        assert other == op
    x = T.vector("x")
    found = op(x) if isinstance(scalar, theano.scalar.UnaryScalarOp) else op(x, 2.0)
    assert found.owner.op == op
    assert found.owner.inputs[0] is x
    assert type(found.owner.op.scalar_op) is type(scalar)


def test_operators_are_these_ops():
    x, y = T.vectors("x", "y")
    for found, op in (
        (x + y, T.add), (x - y, T.sub), (x * y, T.mul), (x / y, T.true_div), (x**y, T.pow), (-x, T.neg),
        (abs(x), T.abs_),
        (x % y, T.mod), (x // y, T.int_div), (x > y, T.gt), (1 + x, T.add), (x.fill(y), T.fill), (np.exp(x), T.exp),
        (T.switch(x, y, 1), T.switch), (T.clip(x, 0, 1), T.clip), (T.second(x, y), T.second),
        (x.copy(), T.tensor_copy(y).owner.op),
    ):  # fmt: skip
        assert found.owner.op == op
    assert T.add(x, y, x).owner.inputs == [x, y, x]
    one = (1 + x).owner.inputs[0]
    assert (isinstance(one, T.TensorConstant), int(one.data)) == (True, 1)
    assert isinstance(T.cast(x, "int32").owner.op.scalar_op, theano.scalar.Cast)
    assert T.cast(x, "int32").owner.op == T.cast(y, "int32").owner.op != T.cast(x, "int8").owner.op
    second = x + y
    outer = T.exp(second)
    assert outer.owner.inputs[0] is second
    assert outer.owner is outer.owner
    assert outer.get_parents() == [outer.owner]
    assert (x.get_parents(), outer.owner.get_parents()) == ([], [second])


def test_other_functions_are_applications_of_their_ops():
    x, m, k, t4 = T.vector("x"), T.matrix("m"), T.lvector("k"), T.tensor4("t4")
    n = T.lscalar("n")
    for found, kind, given in (
        (T.dot(m, x), T.Dot, [m, x]), (m @ m, T.Dot, [m, m]), (m.dimshuffle(1, "x", 0), T.DimShuffle, [m]),
        (m.T, T.DimShuffle, [m]), (m.sum(axis=1), T.elemwise.Sum, [m]), (m.sum(), T.elemwise.CAReduce, [m]),
        (T.prod(m, 0), T.elemwise.Prod, [m]), (m.max(1), T.elemwise.CAReduce, [m]), (x[0], T.subtensor.Subtensor, [x]),
        (x[n:], T.subtensor.Subtensor, [x, n]), (x[k], T.AdvancedSubtensor1, [x, k]),
        (m[k, k], T.subtensor.AdvancedSubtensor, [m, k, k]), (T.set_subtensor(m[0], x), T.IncSubtensor, [m, x]),
        (T.inc_subtensor(x[k], 1.0), T.subtensor.AdvancedIncSubtensor1, None), (T.nnet.softmax(m), T.nnet.Softmax, [m]),
        (T.nnet.logsoftmax(m), T.nnet.LogSoftmax, [m]), (T.concatenate([x, x]), T.Join, None),
        (T.alloc(0.0, 3), T.Alloc, None), (T.zeros((2,)), T.Alloc, None), (T.arange(3), T.ARange, None),
        (m.reshape((4, -1)), T.Reshape, None), (m.flatten(), T.Reshape, None), (T.nlinalg.det(m), T.nlinalg.Det, [m]),
        (T.nlinalg.matrix_inverse(m), T.nlinalg.MatrixInverse, [m]), (T.slinalg.cholesky(m), T.slinalg.Cholesky, [m]),
        (T.slinalg.solve(m, x), T.slinalg.Solve, [m, x]), (T.opt.Assert("?")(x, n > 0), T.opt.Assert, None),
        (theano.scan(lambda v: v * 2, x)[0], Scan, None),
        (theano.ifelse.ifelse(n, x, 2 * x), theano.ifelse.IfElse, None),
        (T.nnet.conv2d(t4, t4), T.nnet.abstract_conv.AbstractConv2d, [t4, t4]),
        (T.signal.pool.pool_2d(t4, (2, 2), ignore_border=True), T.signal.pool.Pool, None),
        (T.addbroadcast(m, 0), T.Rebroadcast, [m]),
        (T.nnet.crossentropy_categorical_1hot(m, k), T.nnet.nnet.CrossentropyCategorical1Hot, [m, k]),
        (theano.compile.view_op(x), theano.compile.ViewOp, [x]),
        (theano.printing.Print("?")(x), theano.printing.Print, [x]),
        (x.shape, theano.Op, [x]), (x.shape[0], T.subtensor.Subtensor, None), (x.size, T.elemwise.Prod, None),
    ):  # fmt: skip
        assert isinstance(found.owner.op, kind), (kind, found.owner.op)
        assert isinstance(found.owner.op, theano.Op)
        if given is not None:
            assert found.owner.inputs == given
    assert m.sum(axis=1).owner.op.axis == (1,)
    assert m.sum(axis=1).owner.op == m.sum(axis=1).owner.op != m.sum(axis=0).owner.op
    assert m.dimshuffle(1, "x", 0).owner.op.new_order == (1, "x", 0)
    assert m[2:, n].owner.op.idx_list == (slice(2, None, None), n.type)
    assert T.dot(m, x).owner.op == T.Dot()
    assert x.shape.owner.inputs == x.shape[0].owner.inputs[0].owner.inputs == [x]


def test_ops_are_called_with_variables():
    x, m = T.vector("x"), T.matrix("m")
    a, b = np.array([3.0, 1.0, 2.0]), np.array([[4.0, 2.0], [2.0, 3.0]])
    pairs = [
        (T.Dot()(m, m), b @ b), (T.DimShuffle((False, False), (1, "x", 0))(m), b.T[:, None]),
        (T.AdvancedSubtensor1()(x, [2, 0]), a[[2, 0]]),
        (T.subtensor.Subtensor([slice(1, None)])(x), a[1:]),
        (T.subtensor.Subtensor([T.lscalar])(x, T.constant(1)), a[1]),
        (T.advanced_set_subtensor1(x, 9.0, [1]), [3, 9, 2]), (T.advanced_inc_subtensor1(x, 9.0, [1, 1]), [3, 19, 2]),
        (T.join_(0, x, x), np.concatenate([a, a])), (T.nnet.Softmax()(m), np.exp(b) / np.exp(b).sum(1, keepdims=True)),
        (T.nlinalg.Det()(m), 8), (T.slinalg.Cholesky()(m), np.linalg.cholesky(b)),
        (T.slinalg.Solve()(m, m[0]), np.linalg.solve(b, b[0])),
        (T.elemwise.Sum(axis=0)(m), b.sum(0)), (T.elemwise.CAReduce(theano.scalar.maximum)(x), 3),
        (T.elemwise.Max(0)(m), b.max(0)),
        (T.Alloc()(x, 2, 3), [a, a]), (T.ARange("int64")(0, 3, 1), [0, 1, 2]), (T.Reshape(2)(x, (3, 1)), a[:, None]),
        (T.Rebroadcast((0, True))(m[:1]), b[:1]), (T.opt.Assert("small")(x, x.sum() > 0), a),
        (T.opt.assert_op(x, T.eq(x.shape[0], 3)), a),
        (T.stacklists([[x[0], x[1]], [x[2], 0.0]]), [[3, 1], [2, 0]]),
        (T.elemwise.Elemwise(theano.scalar.Cast(theano.scalar.int32))(x), a),
    ]  # fmt: skip
    found = theano.function([x, m], [v for v, _ in pairs], on_unused_input="ignore")(a, b)
    for place, (value, (_, right)) in enumerate(zip(found, pairs, strict=True)):
        np.testing.assert_allclose(value, right, err_msg=str(place))
    with pytest.raises(AssertionError, match="small"):
        T.opt.Assert("small")(x, x.sum() > 100).eval({x: a})


def test_ops_of_derivatives_and_compiled_functions():
    x, w = T.matrix("x"), theano.shared(np.ones((3, 2)), "w")
    hidden = T.tanh(T.dot(x, w))
    slope = T.grad(hidden.sum(), w)
    kinds = {type(node.op) for node in io_toposort([x, w], [slope])}
    assert {T.Dot, T.Elemwise, T.DimShuffle} <= kinds
    f = theano.function([x], [hidden, slope])
    nodes = f.maker.fgraph.toposort()
    assert any(node.op == T.tanh for node in nodes)
    assert any(isinstance(node.op, T.Dot) for node in nodes)
    assert w in inputs([slope])


class Cube(theano.scalar.UnaryScalarOp):
    """x cubed, in Python."""

    def impl(self, x):
        return x**3

    def grad(self, inputs, gradients):
        return [3 * inputs[0] ** 2 * gradients[0]]


def test_a_program_s_own_function_of_numbers():
    cube = T.Elemwise(Cube(theano.scalar.upgrade_to_float, name="cube"))
    x, k = T.dmatrix("x"), T.bvector("k")
    y = cube(x)
    assert (y.owner.op, str(y), y.dtype) == (cube, "Elemwise{cube,no_inplace}.0", "float64")
    a = np.arange(6.0).reshape(2, 3)
    np.testing.assert_array_equal(y.eval({x: a}), a**3)
    np.testing.assert_array_equal(T.grad(y.sum(), x).eval({x: a}), 3 * a**2)
    assert (cube(k).dtype, cube(k).eval({k: [2]}).tolist()) == ("float32", [8])
    with pytest.raises(TypeError, match="cube takes 1 arguments, and 2 were given"):
        cube(x, x)
    with pytest.raises(NotImplementedError, match="has no impl"):
        T.Elemwise(theano.scalar.BinaryScalarOp(name="what"))(x, x).eval({x: a})


# ---- copies of graphs ------------------------------------------------------------------------------------------------


def test_graphs_once_more():
    x, w = T.vector("x"), theano.shared(np.ones(2), "w")
    x.tag.role = "input"
    y = x * w
    y.name, y.tag.role = "y", "output"
    (i,), (o,) = gof.graph.clone([x], [y])
    assert (i is x, i.name, i.tag.role, o is y, o.name, o.tag.role) == (False, "x", "input", False, "y", "output")
    assert set(inputs([o])) == {i, w}
    i.tag.role = "another"
    assert x.tag.role == "input"
    np.testing.assert_array_equal(theano.function([i], o)([2.0, 3.0]), [2, 3])
    (same,), (again,) = gof.graph.clone([x], [y], copy_inputs=False)
    assert (same is x, again is y, inputs([again]) == inputs([y])) == (True, False, True)
    hidden = T.concatenate([x, x])
    (h,), (mean,) = gof.graph.clone([hidden], [hidden.mean() + hidden.shape[0]])
    assert float(theano.function([h], mean)([1.0, 2.0, 6.0])) == 6
    graph = gof.FunctionGraph([x], [y])
    assert (graph.inputs[0] is x, graph.outputs[0] is y, len(graph.apply_nodes)) == (False, False, 1)
    assert [n.op for n in gof.FunctionGraph([hidden], [T.exp(hidden)], clone=False).toposort()] == [T.exp]


def test_variables_of_nothing_are_objects_with_a_name():
    variable = theano.Variable("anything")
    variable.name, variable.tag.role = "mine", "stand-in"
    assert (variable.name, variable.tag.role) == ("mine", "stand-in")
    assert theano.Variable("anything").facts is not variable.facts
