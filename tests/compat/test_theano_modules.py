"""Further modules of Theano: special functions, Fourier transforms, sparse matrices, GPUs, modes, rules."""

import io
import pickle

import numpy as np
import pytest
import scipy.sparse
from scipy import special

import weft as wf
import weft.compat.theano as theano
import weft.compat.theano.tensor as T  # noqa: N812
from weft.compat.theano import gof, sparse
from weft.compat.theano.compile import DebugMode, MonitorMode
from weft.compat.theano.compile.debugmode import InvalidValueError
from weft.compat.theano.compile.monitormode import detect_nan
from weft.compat.theano.tensor.fft import irfft, rfft
from weft.compat.theano.tensor.xlogx import xlogx, xlogy0

PATHS = """
version.version _asarray Constant tensor.Constant gof.graph.Constant graph.basic.Constant graph.basic.walk
graph.utils.TestValueError change_flags printing.Node scan.until scan_module.scan_op.Scan scalar.Scalar
scalar.ScalarVariable scalar.UnaryScalarOp scalar.bool scalar.upcast scalar.upgrade_to_float
scalar.upgrade_to_float_no_complex scalar.basic.Identity scalar.basic.same_out_nocomplex scalar.basic_scipy.GammaLn
scalar.basic_scipy.Psi tensor.angle tensor.complex tensor.discrete_dtypes tensor.float_dtypes tensor.integer_dtypes
tensor.hashtype tensor.nnet.h_softmax tensor.nnet.abstract_conv.bilinear_upsampling tensor.mgrid
tensor.nnet.abstract_conv.get_conv_output_shape tensor.opt.register_canonicalize
tensor.shared_randomstreams.RandomStateSharedVariable tensor.signal.pool.Pool.out_shape compile.MonitorMode
compile.ViewOp compile.profiling.ProfileStats gof.OpRemove gof.OpWiseCLinker gof.WrapLinkerMany gof.ParamsType
config.dnn.conv.algo_bwd config.gcc__cxxflags config.warn.subtensor_merge_bug sandbox.rng_mrg.MRG_RandomStream
sparse.SparseType sparse.SparseVariable sparse.csr_matrix sparse.csc_matrix sparse.matrix sparse.as_sparse
sparse.as_sparse_variable sparse.basic._is_sparse_variable sparse.basic.as_sparse sparse.dense_from_sparse sparse.dot
sparse.structured_dot sparse.basic.structured_dot sparse.basic.hstack sparse.basic.vstack sparse.csm_properties
configdefaults.local_bitwidth gpuarray.dnn.dnn_conv sandbox.gpuarray.basic_ops.gpu_contiguous gof.opt.local_optimizer
"""


@pytest.mark.parametrize("path", PATHS.split())
def test_names_of_modules_that_programs_reach(path):
    found = theano
    for part in path.split("."):
        found = getattr(found, part)
    assert found is not None


# ---- functions -------------------------------------------------------------------------------------------------------

ONE = ["gammaln", "psi", "tri_gamma", "gamma", "i0", "i1", "j0", "j1", "erfcx", "erfcinv"]
SCIPY = {"tri_gamma": lambda x: special.polygamma(1, x)}


@pytest.mark.parametrize("name", ONE)
def test_special_functions(name):
    x, k, f = T.vector("x"), T.bvector("k"), T.vector("f", dtype="float32")
    function, right = getattr(T, name), SCIPY.get(name) or getattr(special, name)
    given = np.array([0.3, 1.0, 1.7])
    y = function(x)
    np.testing.assert_allclose(y.eval({x: given}), right(given), rtol=1e-12)
    assert isinstance(y.owner.op, T.Elemwise)
    assert (function(f).dtype, function(k).dtype) == ("float32", "float64")
    slope = T.grad(y.sum(), x).eval({x: given})
    step = 1e-6
    np.testing.assert_allclose(slope, (right(given + step) - right(given - step)) / (2 * step), rtol=1e-6)
    assert pickle.loads(pickle.dumps(function)) == function
    wf.check_grad(y.sum().expr, [x.expr], {x.expr: given[:2]}, order=2)


def test_special_functions_of_two_numbers():
    k, x = T.vector("k"), T.vector("x")
    a, b = np.array([0.5, 1.0, 3.0]), np.array([0.3, 2.0, 2.5])
    for name in ("gammainc", "gammaincc", "iv", "jv"):
        y = getattr(T, name)(k, x)
        right = getattr(special, name)
        np.testing.assert_allclose(y.eval({k: a, x: b}), right(a, b), rtol=1e-12)
        slope = T.grad(y.sum(), x).eval({k: a, x: b})
        np.testing.assert_allclose(slope, (right(a, b + 1e-6) - right(a, b - 1e-6)) / 2e-6, rtol=1e-6)
        with pytest.raises(wf.GradientError, match="no derivative for this argument"):
            T.grad(y.sum(), k)
    s = T.scalar("s")
    narrow = T.grad(T.gammainc(2.0, s + x).sum(), s)
    np.testing.assert_allclose(narrow.eval({s: 0.5, x: b}), (np.exp(-b - 0.5) * (b + 0.5)).sum())
    zeros, some = np.array([0.0, 2.0, 0.5]), np.array([0.0, 3.0, 0.0])
    np.testing.assert_allclose(xlogx(x).eval({x: zeros}), special.xlogy(zeros, zeros))
    np.testing.assert_allclose(xlogy0(k, x).eval({k: some, x: b}), special.xlogy(some, b))
    np.testing.assert_allclose(T.grad(xlogx(x).sum(), x).eval({x: zeros}), [0, np.log(2) + 1, np.log(0.5) + 1])


def test_softmax_of_two_levels():
    rng = np.random.default_rng(0)
    x, t = T.matrix("x"), T.lvector("t")
    given, target = rng.normal(size=(4, 3)), np.array([0, 6, 3, 4])
    W1, b1, W2, b2 = (rng.normal(size=s) for s in ((3, 3), (3,), (3, 3, 3), (3, 3)))
    every = T.nnet.h_softmax(x, 4, 7, 3, 3, W1, b1, W2, b2).eval({x: given})
    one = T.nnet.h_softmax(x, 4, 7, 3, 3, W1, b1, W2, b2, t).eval({x: given, t: target})
    classes = special.softmax(given @ W1 + b1, 1)
    inside = special.softmax(np.einsum("bf,cfo->bco", given, W2) + b2, 2)
    right = (classes[:, :, None] * inside).reshape(4, 9)
    np.testing.assert_allclose(every, right[:, :7])
    np.testing.assert_allclose(one, right[np.arange(4), target])


def test_grids_dtypes_and_complex_numbers():
    n = T.lscalar("n")
    np.testing.assert_array_equal(T.mgrid[0:n, 1:6:2].eval({n: 3}), np.mgrid[0:3, 1:6:2])
    rows, columns = T.ogrid[0:n, 0:1:5j]
    assert [v.eval({n: 3}).shape for v in (rows, columns)] == [(3, 1), (1, 5)]
    np.testing.assert_array_equal(T.mgrid[1:n].eval({n: 4}), [1, 2, 3])
    assert (T.float_dtypes, "bool" in T.discrete_dtypes, "bool" in T.integer_dtypes) == (
        ("float32", "float64"), True, False,
    )  # fmt: skip
    for make in (lambda: T.complex(1.0, 2.0), lambda: T.complex_from_polar(1.0, 2.0)):
        with pytest.raises(NotImplementedError, match="complex numbers, which weft has not"):
            make()
    x = T.vector("x")
    np.testing.assert_array_equal(T.angle(x).eval({x: [-1.0, 2.0]}), [np.pi, 0])
    types = [theano.scalar.int8, theano.scalar.float32]
    assert theano.scalar.upgrade_to_float(*types)[0].dtype == "float32"
    assert [theano.scalar.upgrade_to_float(theano.scalar.Scalar(d))[0].dtype for d in ("int16", "int32")] == [
        "float32", "float64",
    ]  # fmt: skip
    assert (theano.scalar.upcast("int32", "float32"), theano.scalar.upcast("int8", "int16")) == ("float64", "int16")
    assert theano._asarray([1, 2], "floatX").dtype == theano.config.floatX
    assert theano.configdefaults.local_bitwidth() == 64
    with pytest.raises(TypeError, match="not defined for bools"):
        theano.scalar.basic.upcast_out_nobool(theano.scalar.bool)


@pytest.mark.parametrize("norm", [None, "ortho", "no_norm"])
@pytest.mark.parametrize("shape", [(2, 6), (2, 5), (2, 3, 4)])
def test_fourier_transforms(norm, shape):
    x = T.TensorType("float64", [False] * len(shape))("x")
    given = np.random.default_rng(0).normal(size=shape)
    y = rfft(x, norm)
    axes, names = tuple(range(1, len(shape))), {None: "backward", "ortho": "ortho", "no_norm": "backward"}
    right = np.fft.rfftn(given, axes=axes, norm=names[norm])
    found = y.eval({x: given})
    np.testing.assert_allclose(found, np.stack([right.real, right.imag], -1), atol=1e-12)
    back = irfft(y, norm, is_odd=shape[-1] % 2 == 1)
    factor = np.prod(shape[1:]) if norm == "no_norm" else 1
    np.testing.assert_allclose(back.eval({x: given}), given * factor, atol=1e-12)
    z = T.TensorType("float64", [False] * (len(shape) + 1))("z")
    cost = (irfft(z, norm, shape[-1] % 2 == 1) ** 2 * given).sum()
    wf.check_grad((y**3).sum().expr, [x.expr], {x.expr: given}, order=2)
    wf.check_grad(cost.expr, [z.expr], {z.expr: found}, order=2)
    with pytest.raises(ValueError, match="norm is None, 'ortho' or 'no_norm', not 'half'"):
        rfft(x, "half")
    with pytest.raises(ValueError, match="at least 2 axes"):
        rfft(T.vector())


# ---- sparse matrices -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", [scipy.sparse.csr_matrix, scipy.sparse.csc_matrix])
def test_products_with_sparse_matrices(kind):
    rng = np.random.default_rng(0)
    dense = rng.normal(size=(4, 3)) * (rng.uniform(size=(4, 3)) > 0.5)
    A, x, v, left = kind(dense), T.matrix("x"), T.vector("v"), T.matrix("left")
    a, b, c = rng.normal(size=(3, 2)), rng.normal(size=3), rng.normal(size=(2, 4))
    outputs = [sparse.dot(A, x), sparse.structured_dot(sparse.as_sparse_variable(A), x), sparse.dot(A, v)]
    outputs += [sparse.dot(left, A), sparse.as_sparse(A).T.dot(left.T), sparse.dense_from_sparse(A)]
    right = [dense @ a, dense @ a, dense @ b, c @ dense, dense.T @ c.T, dense]
    for found, wanted in zip(theano.function([x, v, left], outputs)(a, b, c), right, strict=True):
        np.testing.assert_allclose(found, wanted)
    wf.check_grad((sparse.dot(A, x) ** 3).sum().expr, [x.expr], {x.expr: a}, order=2)
    wf.check_grad((sparse.dot(left, A) ** 3).sum().expr, [left.expr], {left.expr: c})
    f = T.matrix("f", dtype="float32")
    assert sparse.dot(A.astype("float32"), f).dtype == "float32"
    assert T.grad(sparse.dot(A, f).sum(), f).dtype == "float32"
    data, indices, indptr, shape = sparse.csm_properties(A)
    for part, wanted in ((data, A.data), (indices, A.indices), (indptr, A.indptr), (shape, (4, 3))):
        np.testing.assert_array_equal(part.data, wanted)
    for stack, axis in ((sparse.hstack, 1), (sparse.vstack, 0)):
        np.testing.assert_array_equal(stack([A, A]).data.toarray(), np.concatenate([dense, dense], axis))


def test_what_is_sparse_and_what_is_not_supported():
    A, x = scipy.sparse.csr_matrix(np.eye(3)), T.matrix("x")
    variable = sparse.as_sparse_variable(A, "A")
    assert (sparse.basic._is_sparse_variable(variable), sparse.basic._is_sparse_variable(x)) == (True, False)
    assert (sparse._is_sparse(A), sparse._is_sparse(np.eye(2)), sparse._is_dense_variable(x)) == (True, False, True)
    assert (variable.type, variable.format, variable.dtype) == (sparse.SparseType("csr", "float64"), "csr", "float64")
    assert (variable.name, isinstance(variable, sparse.SparseVariable)) == ("A", True)
    assert sparse.as_sparse_variable(scipy.sparse.coo_matrix(np.eye(2))).format == "csr"
    for make, text in (
        (lambda: sparse.csr_matrix("m"), "Inputs that are sparse matrices"),
        (lambda: sparse.csc_matrix("m", "float32"), "Inputs that are sparse matrices"),
        (lambda: sparse.SparseType("coo", "float64"), "'csr' or 'csc', not 'coo'"),
        (lambda: sparse.add(variable, variable), "sparse.add is not supported"),
        (lambda: sparse.dot(A, A), "both of these are sparse"),
        (lambda: sparse._is_sparse("text"), "neither an array nor a matrix"),
    ):
        with pytest.raises(NotImplementedError, match=text):
            make()
    for make in (lambda: sparse.dot(x, x), lambda: sparse.as_sparse(x)):
        with pytest.raises(TypeError):
            make()
    with pytest.raises(wf.ShapeError, match="do not multiply"):
        sparse.dot(A, T.constant(np.ones((2, 2))))
    with pytest.raises(wf.ShapeError, match="3 axes"):
        sparse.dot(A, T.tensor3())


# ---- what is not there -----------------------------------------------------------------------------------------------


def test_there_is_no_gpu():
    from weft.compat.theano import gpuarray
    from weft.compat.theano.gpuarray import basic_ops, dnn
    from weft.compat.theano.gpuarray.type import GpuArrayType, list_contexts

    assert (gpuarray.pygpu_activated, dnn.dnn_present(), dnn.dnn_available("dev0"), list_contexts()) == (
        False, False, False, [],
    )  # fmt: skip
    assert "not available" in dnn.dnn_available.msg
    assert not isinstance(T.vector("x").type, GpuArrayType)
    x = T.tensor4("x")
    for call, text in (
        (lambda: dnn.dnn_conv(x, x), "dnn_conv needs cuDNN, which is not available"),
        (lambda: basic_ops.gpu_contiguous(x), "gpu_contiguous needs a GPU, which is not available"),
        (dnn.version, "We can't determine the cudnn version"),
        (lambda: gpuarray.use("cuda0"), "'cuda0' is not available"),
    ):
        with pytest.raises(RuntimeError, match=text):
            call()
    assert dnn.version(raises=False) == -1
    with pytest.raises(ValueError, match="context name dev0 not defined"):
        gpuarray.type.get_context("dev0")
    with pytest.raises(ImportError):
        import weft.compat.theano.sandbox.cuda  # noqa: F401
    with pytest.raises(AttributeError, match=r"removed before Theano 1\.0"):
        getattr(theano.sandbox, "cuda")  # noqa: B009


def test_rules_for_the_optimiser_are_accepted_and_never_applied():
    @gof.opt.local_optimizer([T.add])
    def never(node):
        raise AssertionError

    for register, rule in (
        (T.opt.register_canonicalize, never),
        (T.opt.register_specialize, gof.OpRemove(T.identity)),
    ):
        with pytest.warns(UserWarning, match="the rule is never applied"):
            found = register(rule, name="mine")
        assert found is rule
    database = theano.compile.optdb
    database.register("mine", never, 1, "fast_run")
    database["group"].register("mine", never)
    assert ("mine" in database, "mine" in database["group"], "other" in database) == (True, True, False)
    x = T.vector("x")
    assert theano.function([x], x + 1, mode=theano.Mode("py", database.query("fast_run")))([1.0]).tolist() == [2]
    kind = gof.ParamsType(axis=theano.scalar.int32)
    assert (kind.fields, kind.get_params(None, axis=3).axis, kind == gof.ParamsType()) == (("axis",), 3, False)
    out = io.StringIO()
    theano.compile.profiling.ProfileStats().summary(out)
    assert "f.compiled.profile" in out.getvalue()
    with pytest.raises(NotImplementedError, match="drawn in a browser"):
        theano.printing.Node("x")


# ---- modes that look at values ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("mode", ["DebugMode", "DEBUG_MODE", DebugMode()])
def test_debug_mode_looks_for_nan_and_infinity(mode):
    n, d = T.dscalars("n", "d")
    count = theano.shared(0)
    f = theano.function([n, d], n / d + 0 * d, mode=mode, updates=[(count, count + 1)])
    assert f(1, 2) == 0.5
    for values, what in (((0, 0), "NaN"), ((1, 0), "an infinity"), ((np.nan, 1), "NaN")):
        with pytest.raises(InvalidValueError, match=f"holds {what}") as caught:
            f(*values)
        assert "test_theano_modules.py" in "".join(caught.value.__notes__)
    assert count.get_value() == 1
    assert np.isnan(theano.function([n, d], n / d, mode=DebugMode(check_isfinite=False))(0, 0))


def test_modes_by_their_names():
    x = T.dscalar("x")
    with pytest.raises(Exception, match="No predefined mode exist for string: FAST_GUESS"):
        theano.function([x], x, mode="FAST_GUESS")
    with theano.change_flags(mode="DebugMode"), pytest.raises(InvalidValueError):
        theano.function([x], T.log(x))(-1.0)
    with pytest.raises(AssertionError, match="NanGuardMode"):
        theano.function([x], T.log(x), mode="NanGuardMode")(-1.0)
    streams = theano.tensor.shared_randomstreams.RandomStreams(1)
    draw = streams.multinomial(pvals=T.constant([[0.5, 0.5]])) + streams.binomial((1, 2), 1, 0.5)
    assert theano.function([], draw, mode="DebugMode")().shape == (1, 2)


def test_functions_that_see_every_application(capsys):
    x = T.vector("x")
    y = T.log(x) * 2
    seen = []

    def inspect(place, node, fn):
        seen.append((place, node.op, [i[0].tolist() for i in fn.inputs][:1], fn.outputs[0][0].tolist()))

    f = theano.function([x], y, mode=MonitorMode(pre_func=inspect, post_func=detect_nan))
    np.testing.assert_allclose(f([1.0]), [0])
    assert [(place, op) for place, op, _, _ in seen if op in (T.log, T.mul)] == [(0, T.log), (seen[-1][0], T.mul)]
    assert seen[0][2:] == ([[1.0]], [0.0])
    assert capsys.readouterr().out == ""
    f([-1.0])
    assert "*** NaN detected ***" in capsys.readouterr().out
    kinds = []
    linker = gof.WrapLinkerMany([gof.OpWiseCLinker()], [lambda i, node, th: kinds.append((node.op, th()))])
    theano.function([x], y, mode=theano.Mode(linker, "fast_run"))([1.0])
    assert (T.log, None) in kinds


def test_test_values_of_what_was_written_before():
    a, b = T.matrices("a", "b")
    before = T.dot(a, b)
    with theano.change_flags(compute_test_value="raise"):
        a.tag.test_value, b.tag.test_value = np.zeros((3, 4)), np.zeros((5, 6))
        for wrong in (lambda: T.dot(a, b), lambda: a + b, lambda: before + 1):
            with pytest.raises(ValueError, match=r"\d") as caught:
                wrong()
            assert "test_theano_modules.py" in "".join(caught.value.__notes__)
        b.tag.test_value = np.ones((4, 6))
        assert T.dot(a, b).tag.test_value.shape == (3, 6)
        assert a[1:, 0].tag.test_value.shape == (2,)
        half = T.dot(a, b)
        half.tag.test_value = np.full((3, 6), 7.0)  # a program's own
        np.testing.assert_array_equal((half * 2).tag.test_value, np.full((3, 6), 14.0))
    assert not hasattr(before.tag, "test_value")
