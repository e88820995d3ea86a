"""What Theano's programs ask of graphs: owners, walks, replacements, types, test values, prints, ops of their own."""

import copy
import io
import math
import pickle
import subprocess
import types

import numpy as np
import pytest

import weft as wf
import weft.compat.theano as theano
import weft.compat.theano.tensor as T  # noqa: N812
from weft.compat.theano import gof
from weft.compat.theano.compile.nanguardmode import NanGuardMode
from weft.compat.theano.gof.graph import ancestors, inputs, io_toposort, variables
from weft.compat.theano.scan_module.scan_utils import equal_computations


def values(outputs, given):
    """The arrays of variables, given {variable: array}."""
    return wf.evaluate([v.expr for v in outputs], {x.expr: np.asarray(v, x.dtype) for x, v in given.items()})


def same(found, right):
    """Whether variables are computed in the same way as others."""
    return len(found) == len(right) and all(gof.graph.is_same_graph(a, b) for a, b in zip(found, right, strict=True))


# ---- walks and replacements ------------------------------------------------------------------------------------------


def test_applications_and_their_ops():
    x, y = T.matrices("x", "y")
    z = T.tanh(x) * y
    node = z.owner
    assert (node.out, node.nin, node.nout, repr(node)) == (
        z,
        2,
        1,
        "Elemwise{mul,no_inplace}(Elemwise{tanh,no_inplace}.0, y)",
    )
    assert z.index == 0
    assert x.index is None
    tanh = node.inputs[0].owner.op
    assert (tanh, hash(tanh)) == (T.tanh(y).owner.op, hash(T.tanh(y).owner.op))
    assert tanh != node.op
    assert (tanh.scalar_op, str(tanh.scalar_op)) == (theano.scalar.tanh, "tanh")
    assert (tanh, tanh.name, str(tanh)) == (T.tanh, "Elemwise{tanh,no_inplace}", "Elemwise{tanh,no_inplace}")
    v = T.dvector("v")
    column = Halves()(v)
    half = column.owner.outputs[0]
    assert (half.index, column.index, half.owner.nout, half.owner.inputs) == (0, 1, 2, [v])
    assert half.owner.outputs == [half, column]
    for leaf in (T.constant(1.5), theano.shared(1.0), x):
        assert leaf.owner is None


def test_walks_from_outputs_to_inputs():
    a, b, c, d = T.scalars("a", "b", "c", "d")
    hidden = T.exp(a * b)
    z = hidden / c
    assert inputs([z]) == [a, b, c]
    assert inputs([z, d, z]) == [a, b, c, d]
    assert inputs([a + b, d]) == [d, a, b]
    assert inputs([z], blockers=[hidden, d]) == [c]
    assert inputs([b + c + b]) == [b, c]
    assert {v.name or str(v) for v in ancestors([z])} == {
        "a", "b", "c", *(f"Elemwise{{{name},no_inplace}}.0" for name in ("mul", "exp", "true_div")),
    }  # fmt: skip
    assert set(ancestors([z], [hidden])) == {hidden, c, z}
    assert set(variables([hidden], [z])) == {hidden, c, z}
    assert [n.op for n in io_toposort([a, b, c], [z])] == [T.mul, T.exp, T.true_div]
    assert io_toposort([], [a]) == []
    graph = gof.FunctionGraph([a, b, c], [z], clone=False)
    assert (graph.inputs, graph.outputs) == ([a, b, c], [z])
    assert [n.op for n in graph.apply_nodes] == [n.op for n in graph.toposort()] == [T.mul, T.exp, T.true_div]
    assert set(graph.variables) == set(ancestors([z]))
    m = T.matrix("m")
    assert all(isinstance(v, T.Variable) for v in ancestors(T.nlinalg.qr(m)))


def test_graphs_that_are_the_same():
    x, y, z = T.vectors("x", "y", "z")
    assert gof.graph.is_same_graph(T.exp(x) + y, T.exp(x) + z, givens={z: y})
    assert gof.graph.is_same_graph(T.exp(x) + y, T.exp(x) + z, givens=[(y, z)])
    assert not gof.graph.is_same_graph(T.exp(x) + y, T.exp(x) + z, givens={x: y})
    assert equal_computations([T.exp(x), x * y], [T.exp(z), z * y], [x], [z])
    assert not equal_computations([T.exp(x), x * y], [T.exp(z), z * x], [x], [z])
    assert not equal_computations([T.exp(x), x], [T.exp(x)])
    assert equal_computations([x], [x])


def test_replacements_in_every_form():
    x, y = T.vectors("x", "y")
    z = x * y
    for replace in ({x: y + 1}, [(x, y + 1)], ((x, y + 1),)):
        (found,) = values([theano.clone(z, replace)], {y: [2.0, 3.0]})
        np.testing.assert_array_equal(found, [6, 12])
    assert same(theano.clone([z, x], {x: y}), [y * y, y])
    assert same(theano.clone((z,), replace={y: x}), [x * x])
    assert same([theano.clone(z), *theano.clone([z])], [z, z])
    risen = T.exp(x)
    new = gof.graph.clone_get_equiv([x], [z, risen])
    assert set(new) == {x, z, risen}
    assert (new[x].type, new[x].name, new[x] is x) == (x.type, "x", False)
    assert same([new[z], new[risen]], [new[x] * y, T.exp(new[x])])


def test_graphs_as_ops():
    x, y, k = T.vector("x"), T.vector("y"), T.lvector("k")
    both = theano.OpFromGraph((x, y), (x - y, x * 10), name="both")
    less = theano.OpFromGraph([x, y], [x - 2 * y])
    rules = {
        "grad_overrides": lambda given, gs: [gs[0] * given[1], gs[0] * 7],
        "lop_overrides": lambda given, outs, gs: [gs[0] * outs[0], gs[0] * given[0] * 3],
    }
    ruled = [theano.OpFromGraph([x, y], [x - 2 * y], **{name: rule}) for name, rule in rules.items()]
    unruled = theano.OpFromGraph([x, y], [x - 2 * y], grad_overrides="default")
    difference, ten = both(y, k)
    outputs = [difference, ten, less(y, k), *T.grad(unruled(x, y).sum(), [x, y])]
    for op in ruled:
        outputs += [op(x, y), *T.grad(op(x, y).sum(), [x, y])]
    a, b = np.array([1.0, 2.0]), np.array([5.0, -3.0])
    right = [
        b - 7, 10 * b, b - 14, [1, 1], [-2, -2],
        a - 2 * b, b, [7, 7], a - 2 * b, a - 2 * b, 3 * a,
    ]  # fmt: skip
    for found, wanted in zip(values(outputs, {x: a, y: b, k: [7, 7]}), right, strict=True):
        np.testing.assert_array_equal(found, wanted)
    assert both.name == "both"
    with pytest.raises(TypeError, match="takes 2 inputs, and 1 were given"):
        both(x)
    for given in (([x, 3], [x]), ([x], [x, 3.0])):
        with pytest.raises(TypeError, match="OpFromGraph takes variables"):
            theano.OpFromGraph(*given)


# ---- variables and their types ---------------------------------------------------------------------------------------


def test_names_tags_copies_and_texts():
    x, c = T.vector("x"), T.constant([1.5, 2.5])
    y = x * 2
    assert (y.name, str(y), str(c), str(T.vector())) == (
        None,
        "Elemwise{mul,no_inplace}.0",
        "TensorConstant{[1.5 2.5]}",
        "<TensorType(float64, vector)>",
    )
    y.name, y.tag = "twice", types.SimpleNamespace(note=1)
    assert ((x * 2).name, hasattr((x * 2).tag, "note"), y.name, y.tag.note) == (None, False, "twice", 1)
    y.name = None
    assert str(y) == "Elemwise{mul,no_inplace}.0"
    assert (T.vector("two words").name, T.vector("two words").clone().name) == ("two words", "two words")
    assert (x.clone().name, x.clone("z").name, x.clone().type, x.clone() is x) == ("x", "z", x.type, False)
    z = copy.deepcopy(y)
    ((u,),) = [inputs([z])[:1]]
    np.testing.assert_array_equal(values([z], {u: [1.0, 3.0]})[0], [2, 6])
    np.testing.assert_array_equal(c.data, [1.5, 2.5])
    y.name = "first"
    text = pickle.dumps(y)
    y.name = "second"
    back = pickle.loads(text)
    assert (back.name, y.name, back is y, same([back], [y])) == ("first", "second", False, True)
    assert c.value is c.data
    assert c.equals(T.constant([1.5, 2.5]))
    assert not c.equals(T.constant([1.5, 2.0]))
    assert not any(map(c.equals, (x, 1.5, None)))
    assert (x.real, x.conj().name) == (x, "x")


def test_truth_and_length_of_variables():
    x, y = T.vectors("x", "y")
    for compare in (T.lt, T.le, T.gt, T.ge):
        with pytest.raises(TypeError, match="do not support boolean operations"):
            bool(compare(x, y))
    assert T.eq(x, y)  # as any object
    with pytest.raises(TypeError, match="has no len"):
        len(x)
    assert len(list(T.constant([1, 2, 3]))) == 3
    assert len(list(x.reshape((2, 3)))) == 2
    assert [len(list(theano.shared(np.zeros(shape)))) for shape in ((2, 3), (1,), (0,))] == [2, 1, 0]
    for variable, name in ((T.scalar(), "this variable"), (x, "x"), (y * 2, "this variable")):
        with pytest.raises(TypeError, match=f"how many elements {name} has: it cannot be iterated over"):
            iter(variable)


def test_shapes_and_their_parts():
    x, i = T.tensor4("x"), T.iscalar("i")
    outputs = [
        x.shape[1], x.shape[-1], x.shape[T.constant(2)], x.shape[i], x.shape[::-2], x.shape[1:], x.shape[i:], x.shape,
        x[0, 0, 0, 0].shape, x.size, x.shape[np.int64(-4)], *x.shape, *x.shape[:2], T.shape(x), T.basic.shape_i(x, 3),
    ]  # fmt: skip
    right = [3, 5, 4, 3, [5, 3], [3, 4, 5], [3, 4, 5], [2, 3, 4, 5], [], 120, 2, 2, 3, 4, 5, 2, 3, [2, 3, 4, 5], 5]
    for found, wanted in zip(values(outputs, {x: np.zeros((2, 3, 4, 5)), i: 1}), right, strict=True):
        np.testing.assert_array_equal(found, wanted)
        assert found.dtype == "int64"
    assert T.zeros(x.shape[::-2]).expr.shape == T.zeros([x.shape[3], x.shape[1]]).expr.shape
    assert T.zeros(x.shape[:0]).ndim == 0
    _, height, width = x.shape[:0:-1]  # each of them is known to be a size of x
    assert T.zeros((height, width)).expr.shape == (x.expr.shape[2], x.expr.shape[1])
    for place in (4, -5):
        beyond = x.shape[place]  # an error of the call, not of the program
        assert (beyond.dtype, beyond.ndim) == ("int64", 0)
        with pytest.raises(IndexError, match=f"There is no axis {place} among 4"):
            values([beyond], {x: np.zeros((2, 3, 4, 5))})


def test_operators_of_python():
    x, k = T.vector("x"), T.lvector("k")
    a, n = np.array([-1.5, 0.25, 3.75]), np.array([6, -3, 2])
    outputs = [
        math.ceil(x), math.floor(x), math.trunc(x), -x, abs(x), x // 2, x % 2, x @ x, a @ x, x.dot(a), 5 & k, 5 | k,
        5 ^ k, k & 3, k | 3, k ^ 3, ~k, 7 // k, 7 % k, 2.0**x, x**2, x < 0.25, x <= 0.25, x > 0.25, x >= 0.25, 1 - x,
        1 / x,
    ]  # fmt: skip
    right = [
        np.ceil(a), np.floor(a), np.trunc(a), -a, abs(a), a // 2, a % 2, a @ a, a @ a, a @ a, 5 & n, 5 | n, 5 ^ n,
        n & 3, n | 3, n ^ 3, ~n, 7 // n, 7 % n, 2.0**a, a**2, a < 0.25, a <= 0.25, a > 0.25, a >= 0.25, 1 - a, 1 / a,
    ]  # fmt: skip
    for found, wanted in zip(values(outputs, {x: a, k: n}), right, strict=True):
        np.testing.assert_allclose(found, wanted)


def test_every_kind_of_input():
    prefixes = {"b": "int8", "w": "int16", "i": "int32", "l": "int64", "f": "float32", "d": "float64", "": "float64"}
    ranks = {"scalar": (), "vector": (0,), "row": (1, 0), "col": (0, 1), "matrix": (0, 0)}
    ranks |= {f"tensor{n}": (0,) * n for n in range(3, 8)}
    for (prefix, dtype), (word, pattern) in ((p, r) for p in prefixes.items() for r in ranks.items()):
        one = getattr(T, prefix + word)("x")
        assert (one.dtype, one.broadcastable, one.name) == (dtype, tuple(map(bool, pattern)), "x"), prefix + word
        plural = {"matrix": "matrices"}.get(word, f"{word}s")
        assert [v.type for v in getattr(T, prefix + plural)("p", "q")] == [one.type] * 2
    assert [v.name for v in T.vectors(3)] == [None] * 3
    assert [v.name for v in T.vectors(["u", "v"])] == ["u", "v"]
    assert (T.vectors("u").name, T.vectors(1).name) == ("u", None)
    assert [v.dtype for v in T.rows("u", "v", dtype="int8")] == ["int8"] * 2
    assert (T.scalar(dtype="floatX").dtype, T.matrix("x", "int16").dtype) == ("float64", "int16")
    one = T.tensor("int32", (False, True), name="one")
    assert (one.dtype, one.broadcastable, one.name) == ("int32", (False, True), "one")


def test_types_and_what_they_hold():
    kind = T.TensorType("float32", (False, True))
    assert (kind.ndim, kind.numpy_dtype, kind.broadcastable) == (2, np.dtype("float32"), (False, True))
    assert (kind.clone(), kind.clone("int8").dtype) == (kind, "int8")
    assert kind.clone(broadcastable=()) == T.fscalar
    assert kind.clone(broadcastable=(0, 0)).broadcastable == (False, False)
    assert {kind: 1}[T.TensorType("float32", [0, 1], name="named")] == 1
    assert kind not in (T.fmatrix, T.TensorType("float64", (False, True)), "kind")
    assert kind.is_super(T.fmatrix)
    assert not kind.is_super(T.dcol)
    assert not kind.is_super(T.fvector)
    assert not kind.is_super("float32")
    texts = {
        (): "scalar", (0,): "vector", (0, 0): "matrix", (1, 0): "row", (0, 1): "col", (0, 0, 0): "3D",
        (1, 0, 1): "(True, False, True)", (1,): "(True,)",
    }  # fmt: skip
    assert [repr(T.TensorType("int8", p)) for p in texts] == [f"TensorType(int8, {t})" for t in texts.values()]
    assert str(T.TensorType("int8", (), "mine")) == "mine"
    x = T.fcol("x")
    assert kind.filter_variable(x) is x
    assert T.fmatrix.filter_variable(x) is x
    for other in (T.dcol("y"), T.fvector("z")):
        with pytest.raises(TypeError, match=r"TensorType\(float32, col\) is needed, and [yz] is TensorType"):
            kind.filter_variable(other)
    nan = np.array([np.nan, 1.0])
    assert (kind.values_eq(nan, nan), kind.values_eq(nan, nan + 1e-12)) == (True, False)
    assert (kind.values_eq_approx(nan, nan + 1e-12), kind.values_eq_approx(nan, nan + 1)) == (True, False)
    assert not kind.values_eq_approx(np.ones(2), np.ones(1))


@pytest.mark.parametrize(
    ("made", "value", "options", "fits"),
    [
        (T.bvector, [1, -128], {}, True),
        (T.bvector, [1, 128], {}, False),
        (T.bvector, [1, 300], {"allow_downcast": True}, True),
        (T.bvector, np.array([1, 2]), {}, False),
        (T.bvector, np.array([1, 2]), {"allow_downcast": True}, True),
        (T.lvector, np.array([1, 2], "int8"), {}, True),
        (T.lvector, np.array([1, 2], "int8"), {"strict": True}, False),
        (T.lvector, [1, 2], {"strict": True}, True),
        (T.lvector, [1.0, 2.0], {}, True),
        (T.lvector, [1.5, 2.0], {}, False),
        (T.dvector, np.array([1, 2], "float32"), {}, True),
        (T.fvector, [0.1], {}, False),
        (T.fvector, [0.5], {"allow_downcast": False}, True),
        (T.fscalar, np.float64(0.5), {}, True),
        (T.fscalar, np.float64(0.1), {}, False),
        (T.fscalar, np.float64(np.nan), {}, True),
        (T.fscalar, np.float64(1e300), {}, False),
        (T.fscalar, np.int64(3), {}, True),
        (T.iscalar, np.int64(3), {}, True),
        (T.iscalar, np.int64(2**40), {}, False),
        (T.iscalar, np.float64(3.0), {}, True),
        (T.iscalar, np.float64(np.nan), {}, False),
        (T.iscalar, np.array(3), {}, False),
        (T.iscalar, np.int64(3), {"strict": True}, False),
        (T.fscalar, 1, {}, True),
        (T.dscalar, [1.0], {}, False),
        (T.dcol, np.zeros((2, 1)), {}, True),
        (T.dcol, np.zeros((1, 2)), {}, False),
    ],
)
def test_values_that_a_type_takes(made, value, options, fits):
    if fits:
        found = made.filter(value, **options)
        assert found.dtype == made.dtype
        np.testing.assert_array_equal(found, np.asarray(value).astype(made.dtype))
    else:
        with pytest.raises(TypeError, match=r"without losing information|Wrong number of dimensions: 0|Axis 1 of"):
            made.filter(value, **options)


def test_floats_of_the_program_take_the_dtype_of_the_flag():
    for value, downcast, fits in ((0.1, None, True), (0.1, False, False), (np.float64(0.1), None, False)):
        with theano.config.change_flags(floatX="float32"):
            if fits:
                assert T.fscalar.filter(value, allow_downcast=downcast) == np.float32(0.1)
            else:
                with pytest.raises(TypeError, match="cannot hold float64"):
                    T.fscalar.filter(value, allow_downcast=downcast)


# ---- test values -----------------------------------------------------------------------------------------------------


def test_test_values_are_asked_for():
    x, y = T.vectors("x", "y")
    get = gof.op.get_test_value
    x.tag.test_value = np.array([1.0, 2.0])
    np.testing.assert_array_equal(get(x), [1, 2])
    np.testing.assert_array_equal(get(x * 3 + 1), [4, 7])
    assert get(5) == 5
    with pytest.raises(AttributeError, match=r"Elemwise\{add,no_inplace\}\.0 has no test value"):
        get(x + y)
    hidden = x * y
    hidden.tag.test_value = np.array([10.0, 20.0])  # nothing below it is asked
    np.testing.assert_array_equal(get(hidden + x), [11, 22])
    np.testing.assert_array_equal(get(hidden), [10, 20])
    (x - y).tag.test_value = None
    with theano.config.change_flags(compute_test_value="ignore"):
        np.testing.assert_array_equal((hidden / x).tag.test_value, [10, 10])
        assert not hasattr((x + y + 1).tag, "test_value")
    with (
        theano.config.change_flags(compute_test_value="warn"),
        pytest.warns(UserWarning, match="Cannot compute the test value: y has none"),
    ):
        assert not hasattr((y * 5).tag, "test_value")
    with (
        theano.config.change_flags(compute_test_value="warn"),
        pytest.warns(UserWarning, match="the test value: an input has none"),
    ):
        T.vector() * 5
    assert not hasattr((x * 7).tag, "test_value")


# ---- prints ----------------------------------------------------------------------------------------------------------


def test_formulas():
    x, y = T.matrices("x", "y")
    z = x - y
    shown = {
        x * y + 1: "((x * y) + 1)", -x: "(-x)", T.tanh(x / y): "tanh((x / y))", x // y: "(x // y)", x % y: "(x % y)",
        x**y: "(x ** y)", x < y: "(x < y)", x <= y: "(x <= y)", x > y: "(x > y)", x >= y: "(x >= y)",
        T.eq(x, y): "(x == y)", T.neq(x, y): "(x != y)", T.maximum(x, z): "maximum(x, (x - y))",
    }  # fmt: skip
    assert [theano.pp(v) for v in shown] == list(shown.values())
    assert theano.printing.pprint(x, z) == "x, (x - y)"
    z.name = "gap"
    assert theano.pp(z * x) == "(gap * x)"
    assert theano.pp(T.nlinalg.qr(x)[0]).count("x") >= 1


def test_trees_of_graphs(tmp_path):
    x = T.matrix("x")
    y = T.exp(x)
    y.name = "risen"
    z = y + y * 2
    tree = [
        "Elemwise{add,no_inplace} [id A] ''",
        " |Elemwise{exp,no_inplace} [id B] 'risen'",
        " | |x [id C]",
        " |Elemwise{mul,no_inplace} [id D] ''",
        " | |Elemwise{exp,no_inplace} [id B] 'risen'",
    ]
    text = theano.printing.debugprint(z, file="str")
    found = text.splitlines()
    assert found[:5] == tree
    assert found[5].startswith(" | |")
    assert text.endswith("\n")
    assert theano.printing.min_informative_str(z) == text
    for depth, lines in ((1, 1), (2, 3), (3, len(found))):
        assert len(theano.printing.debugprint(z, depth, file="str").splitlines()) == lines
    typed = theano.printing.debugprint([x, T.lvector("k")], print_type=True, file="str").splitlines()
    assert typed == [
        "x [id A] <TensorType(float64, matrix)>",
        "k [id B] <TensorType(int64, vector)>",
    ]
    out = io.StringIO()
    assert theano.printing.debugprint(z, file=out) is out
    assert out.getvalue() == text
    many = theano.printing.debugprint(T.vectors(55), file="str")
    labels = [line.split("[id ")[1].split("]")[0] for line in many.splitlines()]
    assert [labels[i] for i in (0, 25, 26, 51, 52, 54)] == ["A", "Z", "AA", "AZ", "BA", "BC"]
    f = theano.function([x], [z, x.sum()])
    assert "Sum [id F] ''\n |x [id C]\n" in theano.printing.debugprint(f, file="str")
    both = theano.printing.debugprint(T.nlinalg.eigh(x), print_type=True, file="str").splitlines()
    assert " |eig_h.0 [id B] <TensorType(float64, row)> ''" in both
    for graph in (f, [z, y], z):
        theano.printing.pydotprint(graph, str(tmp_path / "graph.dot"))
        assert "exp" in (tmp_path / "graph.dot").read_text()


def test_pictures_are_drawn_by_graphviz(monkeypatch, tmp_path):
    x = T.matrix("x")
    calls = []
    monkeypatch.setattr("shutil.which", lambda name: f"/bin/{name}")
    monkeypatch.setattr(subprocess, "run", lambda command, **options: calls.append((command, options)))
    for name, kind in (("a.png", "png"), ("b.svg", "svg"), ("c", "pdf")):
        theano.printing.pydotprint(T.exp(x), tmp_path / name, format="pdf")
        command, options = calls.pop()
        assert command == ["dot", f"-T{kind}", "-o", str(tmp_path / name)]
        assert "digraph" in options["input"]
        assert (options["text"], options["check"]) == (True, True)
    monkeypatch.setattr("shutil.which", lambda name: None)
    with pytest.raises(RuntimeError, match="drawn by Graphviz's program dot, which is not here"):
        theano.printing.pydotprint(T.exp(x), tmp_path / "a.png")
    assert not calls


def test_values_print_themselves(capsys):
    x = T.vector("x")
    seen = []
    y = theano.printing.Print("x", attrs=("shape", "min"))(x)
    z = theano.printing.Print(global_fn=lambda op, value: seen.append((op, value.tolist())))(x * 2)
    found, slope = values([y + z, T.grad((y * z).sum(), x)], {x: [1.0, 3.0]})
    np.testing.assert_array_equal(found, [3, 9])
    np.testing.assert_array_equal(slope, [4, 12])
    assert set(capsys.readouterr().out.splitlines()) == {"x shape = (2,)", "x min = 1.0"}
    assert seen[0][1] == [2, 6]
    assert isinstance(seen[0][0], theano.printing.Print)


def test_bad_numbers_are_found_before_the_call():
    x, k = T.vector("x"), T.lvector("k")
    total = theano.shared(0.0)
    draw = T.shared_randomstreams.RandomStreams(3).uniform(())
    largest = T.exp(x)
    largest.name = "risen"
    out = [largest, draw, k.sum()]
    f = theano.function([x, k], out, updates={total: total + x.sum()}, mode=NanGuardMode())
    plain = theano.function([x, k], out, updates={total: total + x.sum()})
    first = f([1.0, 2.0], [3, 10**11])
    second = f([0.0, 0.0], [0, 0])
    assert total.get_value() == 3
    with pytest.raises(AssertionError, match=r"NanGuardMode: risen, of shape \(2,\), holds an infinity"):
        f([0.0, 1e4], [1])
    with pytest.raises(AssertionError, match=r"NanGuardMode: risen, .* a number beyond 1e10"):
        f([0.0, 25.0], [1])
    with pytest.raises(AssertionError, match=r"NanGuardMode: x, .*holds NaN"):
        f([0.0, np.nan], [1])
    assert total.get_value() == 3
    third = plain([0.0, 0.0], [0, 0])
    draws = [
        values([T.shared_randomstreams.RandomStreams(3).uniform(())], {})[0],
        *(v[1] for v in (first, second, third)),
    ]
    assert draws[0] == draws[1]
    assert len(set(map(float, draws))) == 3  # what looks at values draws nothing
    mode = NanGuardMode(nan_is_error=False, inf_is_error=False)
    assert [mode._bad(np.array(v)) for v in ([np.nan, 1e11], [np.inf, np.nan], [-2e10], [1e10])] == [
        "a number beyond 1e10", "", "a number beyond 1e10", "",
    ]  # fmt: skip
    mode = NanGuardMode(big_is_error=False)
    assert [mode._bad(np.array(v)) for v in ([1e11], [np.nan, np.inf], [-np.inf])] == ["", "NaN", "an infinity"]


# ---- ops of one's own ------------------------------------------------------------------------------------------------


class Halves(theano.Op):
    """(x / 2, the sign of x as a column), out of itypes and otypes; without infer_shape."""

    itypes = (T.dvector,)
    otypes = (T.dvector, T.lcol)
    default_output = 1

    def perform(self, node, inputs, output_storage):
        output_storage[0][0], output_storage[1][0] = inputs[0] / 2, np.sign(inputs[0])[:, None]

    def grad(self, inputs, gs):
        return [gs[0] / 2]


class Scaled(theano.Op):
    __props__ = ("factor",)

    def __init__(self, factor):
        self.factor = factor

    def make_node(self, x, k):
        out = T.dvector("scaled")
        return theano.Apply(self, [T.as_tensor_variable(x), T.as_tensor_variable(k)], [out])

    def perform(self, node, inputs, output_storage):
        output_storage[0][0] = list(inputs[0] * self.factor + inputs[1])  # any sequence

    def infer_shape(self, node, shapes):
        return [(shapes[0][0],)]

    def L_op(self, inputs, outputs, gs):
        return [gs[0] * outputs[0] / inputs[0], None]  # for a whole number, and for a float

    def grad(self, inputs, gs):
        raise AssertionError("L_op comes first")


def test_ops_out_of_types():
    x = T.dvector("x")
    column = Halves()(x)
    half = column.owner.outputs[0]
    assert (column.dtype, column.broadcastable, half.broadcastable) == ("int64", (False, True), (False,))
    found = values([column, half, T.grad((half**2).sum(), x)], {x: [-3.0, 0.0, 8.0]})
    for value, right in zip(found, ([[-1], [0], [1]], [-1.5, 0, 4], [-1.5, 0, 4]), strict=True):
        np.testing.assert_array_equal(value, right)
    with pytest.raises(ValueError, match="Halves takes 1 inputs, and 2 were given"):
        Halves()(x, x)
    for wrong in (T.fvector("w"), T.dmatrix("w")):
        with pytest.raises(TypeError, match=r"Input 0 of Halves is .*, and TensorType.* was given"):
            Halves()(wrong)
    for known in ({}, {"itypes": [T.dvector]}, {"otypes": [T.dvector]}):
        with pytest.raises(NotImplementedError, match="Half has neither make_node nor itypes and otypes"):
            type("Half", (theano.Op,), known)()(x)
    with pytest.raises(NotImplementedError, match="Op has no perform"):
        theano.Op().perform(None, [], [])


def test_ops_that_are_equal_and_their_derivatives():
    x, k = T.dvector("x"), T.lvector("k")
    assert (Scaled(2), hash(Scaled(2)), repr(Scaled(2))) == (Scaled(2), hash(Scaled(2)), "Scaled{factor=2}")
    assert Scaled(2) != Scaled(3)
    assert Scaled(2) != Halves()
    one = Halves()
    assert (one == one, one == Halves(), hash(one) == hash(one), repr(one)) == (True, False, True, "Halves")
    y = Scaled(2)(x, k)
    assert (y.owner.op, y.name) == (Scaled(2), "scaled")
    found, slope = values([y, T.grad(y.sum(), x)], {x: [1.0, 2.0], k: [5, 6]})
    np.testing.assert_array_equal(found, [7, 10])
    np.testing.assert_array_equal(slope, [7, 5])
    other = T.dvector("other")
    with pytest.raises(theano.gradient.DisconnectedInputError):
        T.grad(Scaled(2)(x, other).sum(), other)
    assert y.expr.shape == x.expr.shape


def test_functions_as_ops():
    @theano.compile.ops.as_op(itypes=T.dvector, otypes=[T.dscalar, T.dvector])
    def spread(a):
        """The width, and where it lies."""
        return np.ptp(a), np.array([a.min(), a.max()])

    @theano.compile.ops.as_op(itypes=[T.dvector, T.lscalar], otypes=T.dvector, infer_shape=lambda node, s: s[:1])
    def shifted(a, k):
        return a + k

    x, k = T.dvector("x"), T.lscalar("k")
    found = values([*spread(x), shifted(x, k)], {x: [3.0, -1.0, 2.0], k: 10})
    for value, right in zip(found, (4, [-1, 3], [13, 9, 12]), strict=True):
        np.testing.assert_array_equal(value, right)
    moved = shifted(x, k)
    moved.name = "moved"
    assert (shifted(x, k).name, moved.name) == (None, "moved")
    assert same([shifted(x, k)], [moved])
    assert spread.__doc__ == "The width, and where it lies."
    assert type(spread).__name__ == "spread"
    with pytest.raises(wf.GradientError, match="shifted runs in Python and has no derivative"):
        T.grad(shifted(x, k).sum(), x)
