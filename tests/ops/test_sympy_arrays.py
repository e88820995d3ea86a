"""Matrices, sums and elements to SymPy and back: SymPy's own numbers agree with NumPy's."""

import mpmath
import numpy as np
import pytest
import scipy.special
import sympy
from sympy import IndexedBase, MatrixSymbol, Product, Sum, Symbol

import weft as wf
from weft.symbolic.errors import ArgumentError, GradientError, IndexRangeError, LoweringError

RNG = np.random.default_rng(0)
I, J, K, N = sympy.symbols("i j k n", integer=True)


def array(*shape):
    return RNG.uniform(0.3, 1.7, shape)


A, B, Q, U, V, W, S = (
    wf.tensor(name, shape, "float64")
    for name, shape in (("A", (2, 3)), ("B", (3, 2)), ("Q", (3, 3)), ("U", (3,)), ("V", (3,)), ("W", (2, 3)), ("s", ()))
)
T = wf.tensor("T", (2, 3, 4), "float64")
VALUES = {x: array(*x.shape) for x in (A, B, Q, U, V, W, S, T)}


def numbers(formula, rank):
    """What SymPy makes of a formula of the names above, with arrays in their places."""
    named = {x.name: v for x, v in VALUES.items()}
    if getattr(formula, "is_Matrix", False):
        given = {m: sympy.Matrix(named[m.name].reshape(m.shape)) for m in formula.atoms(MatrixSymbol)}
        whole = formula.subs(given).subs({Symbol("s", real=True): named["s"].item()}).doit()
        found = np.array(sympy.Matrix(whole).tolist(), float)
        return found[:, 0] if rank == 1 else found
    plain = formula.doit()
    given = {m: sympy.Matrix(named[m.name].reshape(m.shape)) for m in plain.atoms(MatrixSymbol)}
    plain = plain.subs(given).doit().subs({Symbol("s", real=True): named["s"].item()})
    return np.vectorize(float)(at_all_places(plain, rank, named)) if rank else float(at(plain, named))


def at(formula, named):
    elements = {
        e: sympy.Float(named[str(e.base)][tuple(map(int, e.indices))], 17) for e in formula.atoms(sympy.Indexed)
    }
    return sympy.sympify(formula).xreplace(elements).doit()


def at_all_places(formula, rank, named):
    letters = [Symbol(c, integer=True) for c in "ijk"[:rank]]
    shape = numbers.shape
    found = np.empty(shape, object)
    for place in np.ndindex(shape):
        found[place] = at(formula.subs(dict(zip(letters, place, strict=True))).doit(), named)
    return found


def written(expr, **options):
    numbers.shape = tuple(expr.shape)
    return numbers(wf.to_sympy(expr, **options), expr.ndim)


ALGEBRA = [
    A @ B,
    A @ B + S,
    2 * A - W / 3,
    A * W,
    A / W,
    wf.exp(A) * 2,
    wf.sigmoid(A @ B),
    A**2,
    A**2.5,
    1 / A,
    wf.maximum(A, 1.0),
    A @ V,
    V @ B,
    V @ U,
    A.T,
    (A @ B).T + 1,
    A.sum(),
    A.sum(axis=0),
    A.mean(axis=1),
    A + V,
    A * V[None],
    (A @ V)[:, None] + A,
    wf.outer(U, V),
    wf.trace(Q),
    wf.det(Q),
    wf.inv(Q),
    wf.solve(Q, V),
    wf.eye(3, dtype="float64") + Q,
    Q[0, 1] * Q[2, 2],
    A[:, 1:],
    A[1],
    wf.mean((wf.sigmoid(A @ B + U[:2]) - 1) ** 2),
    wf.grad(wf.sum((A @ B) ** 2), A),
    wf.grad(wf.det(Q), Q),
    wf.constant(np.array([[1.0, 2.0, 3.5], [0.25, 0.0, 1.0]])) * A,
]
ELEMENTS = [
    wf.exp(V) + U * 2,
    (V * U).sum(),
    wf.prod(V + 1),
    V[::-1] - U,
    V[1:] * V[:-1],
    wf.concatenate([V, U * 2]),
    wf.cumsum(V),
    wf.pad(V, (1, 2)),
    wf.softmax(V),
    wf.logsumexp(V),
    wf.max(V) + wf.min(U),
    V[np.array([2, 0, 2])],
    T.sum(axis=(0, 2)),
    T.transpose((1, 0, 2))[:, :, 2],
    T.reshape(4, 6).sum(axis=0),
    (T @ T.transpose((0, 2, 1))).sum(axis=0)[0],
    wf.where(V > 1, V, -V),
    wf.grad((V[1:] * U[1:]).sum(), V),
    wf.grad(wf.softmax(V)[0] * 3, V),
    wf.clip(V, 0.5, 1.0).sum(),
]


@pytest.mark.parametrize("expr", ALGEBRA + ELEMENTS, ids=lambda e: repr(e)[1:60])
def test_formulas_have_the_values_of_their_graphs(expr):
    np.testing.assert_allclose(written(expr), wf.evaluate(expr, VALUES), rtol=1e-9)


@pytest.mark.parametrize("expr", [A @ B, A + V, A.sum(axis=0), V @ B, A.T @ A, wf.exp(A) / W, wf.diagonal(Q)], ids=str)
def test_algebra_has_elements_too(expr):
    np.testing.assert_allclose(written(expr, form="elements"), wf.evaluate(expr, VALUES), rtol=1e-9)


def test_the_form_is_that_of_a_textbook():
    a, b = MatrixSymbol("A", 2, 3), MatrixSymbol("B", 3, 2)
    v, n = IndexedBase("v", real=True), Symbol("n", integer=True, nonnegative=True)
    x = wf.vector("v", ("n",), "float64")
    assert wf.to_sympy(A @ B) == a * b
    assert wf.to_sympy(A * W) == sympy.HadamardProduct(a, MatrixSymbol("W", 2, 3))
    assert wf.to_sympy(wf.trace(A @ B)) == sympy.Trace(a * b)
    assert wf.to_sympy((x**2).sum()) == Sum(v[I] ** 2, (I, 0, n - 1))
    assert wf.to_sympy(A @ B, form="elements") == Sum(
        IndexedBase("A", real=True)[I, K] * IndexedBase("B", real=True)[K, J], (K, 0, 2)
    )
    assert wf.to_sympy(x.mean()) == Sum(v[I], (I, 0, n - 1)) / n
    c = IndexedBase("c")
    assert wf.to_sympy(x[1:] * 2, {x: c}) == 2 * c[I + 1]


def test_what_has_no_form_says_so():
    with pytest.raises(LoweringError, match="sort"):
        wf.to_sympy(wf.argsort(V))
    with pytest.raises(LoweringError, match="maximum has no SymPy form"):
        wf.to_sympy(wf.maximum(A, W), form="matrices")
    assert wf.to_sympy(wf.maximum(A, W)).has(sympy.Max)
    with pytest.raises(ArgumentError, match="form is 'matrices' or 'elements'"):
        wf.to_sympy(A, form="matrix")


# ---- and back --------------------------------------------------------------------------------------------------------

BACK = {"A": A, "B": B, "Q": Q, "W": W}
MATRICES = {MatrixSymbol(n, *x.shape): x for n, x in BACK.items()} | {
    MatrixSymbol("U", 3, 1): U,
    MatrixSymbol("V", 3, 1): V,
    Symbol("s", real=True): S,
}
INDEXED = {IndexedBase(x.name, real=True): x for x in (A, B, Q, U, V, W, T)} | {Symbol("s", real=True): S}


@pytest.mark.parametrize("expr", ALGEBRA + ELEMENTS, ids=lambda e: repr(e)[1:60])
def test_there_and_back(expr):
    formula = wf.to_sympy(expr)
    is_matrix = getattr(formula, "is_Matrix", False)
    free = [(c, 0, d - 1) for c, d in zip((I, J, K), expr.shape, strict=False)]
    back = wf.from_sympy(formula, MATRICES | INDEXED, indices=None if is_matrix else free)
    wanted = wf.evaluate(expr, VALUES)
    found = wf.evaluate(back, VALUES)
    np.testing.assert_allclose(np.reshape(found, np.shape(wanted)), wanted, rtol=1e-9)


def test_matrices_of_every_kind():
    a, q, v, s = MatrixSymbol("A", 2, 3), MatrixSymbol("Q", 3, 3), MatrixSymbol("V", 3, 1), Symbol("s", real=True)
    x, y, z, r = VALUES[A], VALUES[Q], VALUES[V][:, None], VALUES[S]
    inverse = np.linalg.inv(y)
    cases = {
        q**3: y @ y @ y,
        q**-2: inverse @ inverse,
        q**0: np.eye(3),
        a * q.I * v: x @ inverse @ z,
        s * a.T: r * x.T,
        q.T + 2 * sympy.Identity(3) - sympy.OneMatrix(3, 3): y.T + 2 * np.eye(3) - 1,
        q + sympy.ZeroMatrix(3, 3): y,
        sympy.HadamardProduct(a, a, a): x**3,
        sympy.HadamardPower(a, 3): x**3,
        sympy.HadamardPower(a, -1): 1 / x,
        sympy.Determinant(q) * sympy.Trace(q): np.linalg.det(y) * np.trace(y),
        sympy.Matrix([[s, 1], [0, s**2]]) * a: np.array([[r, 1], [0, r**2]]) @ x,
        a.applyfunc(sympy.Lambda(s, sympy.sin(s) + 1)): np.sin(x) + 1,
        a[1, 2] * q[0, 0]: x[1, 2] * y[0, 0],
        q[:2, 1:]: y[:2, 1:],
        sympy.FunctionMatrix(2, 3, sympy.Lambda((I, J), I + 2 * J)): np.arange(2)[:, None] + 2 * np.arange(3),
        sympy.BlockMatrix([[q, v], [a, sympy.ZeroMatrix(2, 1)]]): np.block([[y, z], [x, np.zeros((2, 1))]]),
        sympy.KroneckerProduct(a, q): np.kron(x, y),
        sympy.matrices.expressions.diagonal.DiagonalOf(q): np.diag(y)[:, None],
        sympy.DotProduct(v, v): (z * z).sum(),
    }
    for formula, wanted in cases.items():
        found = wf.from_sympy(formula, MATRICES)
        np.testing.assert_allclose(wf.evaluate(found, VALUES), wanted, rtol=1e-9, err_msg=str(formula))


def test_sums_and_products_over_indices():
    a, b, v, t, u = (IndexedBase(c, real=True) for c in "ABVTU")
    x, y, z, w, u_ = (VALUES[e] for e in (A, B, V, T, U))
    cases = {
        Sum(v[I], (I, 0, 2)): z.sum(),
        Sum(v[I], (I, 1, 2)): z[1:].sum(),
        Sum(v[I + 1] * u[I], (I, 0, 1)): (z[1:] * u_[:-1]).sum(),
        Sum(v[2 - I] * u[I], (I, 0, 2)): (z[::-1] * u_).sum(),
        Sum(I**2, (I, 1, 10)): 385,
        Sum(2, (I, 1, 10)): 20,
        Sum(v[I], (I, 2, 1)): 0,
        Product(v[I], (I, 0, 2)): z.prod(),
        Product(2, (I, 1, 5)): 32,
        Product(1 + v[I] * I, (I, 0, 2)): (1 + z * np.arange(3)).prod(),
        Sum(a[I, K] * b[K, J], (K, 0, 2)): x @ y,
        Sum(a[I, K] * b[K, I], (K, 0, 2), (I, 0, 1)): np.trace(x @ y),
        Sum(t[I, J, K] * v[J] * u[J], (J, 0, 2)): np.einsum("ijk,j,j->ik", w, z, u_),
        Sum(Sum(v[I] * u[J], (J, 0, 2)) ** 2, (I, 0, 2)): ((z[:, None] * u_).sum(1) ** 2).sum(),
        v[I] * u[J] + I: z[:, None] * u_ + np.arange(3)[:, None],
        a[J, I]: x.T,
        Sum(sympy.KroneckerDelta(I, J) * v[I], (I, 0, 2)) * u[J]: z * u_,
        Sum(sympy.Array([1, 2, 4])[I] * v[I], (I, 0, 2)): (np.array([1, 2, 4]) * z).sum(),
        sympy.Piecewise((v[I], I < 1), (-v[I], True)): np.where(np.arange(3) < 1, z, -z),
    }
    for formula, wanted in cases.items():
        found = wf.from_sympy(formula, INDEXED)
        np.testing.assert_allclose(wf.evaluate(found, VALUES), wanted, rtol=1e-12, err_msg=str(formula))


def test_limits_that_depend_on_other_indices():
    v, u = (IndexedBase(c, real=True) for c in "VU")
    z, w = VALUES[V], VALUES[U]
    cases = {
        Sum(v[J], (J, 0, I)) * u[I]: np.cumsum(z) * w,
        Sum(v[I] * u[J], (J, I + 1, 2), (I, 0, 2)): sum(z[i] * w[j] for i in range(3) for j in range(i + 1, 3)),
        Sum(v[J], (J, 2 - I, 2), (I, 0, 2)): sum(z[j] for i in range(3) for j in range(2 - i, 3)),
        Product(1 + v[J], (J, 0, I)): np.cumprod(1 + z),
        Sum(v[I - J] * u[J], (J, 0, I)): np.array([sum(z[i - j] * w[j] for j in range(i + 1)) for i in range(3)]),
    }
    for formula, wanted in cases.items():
        free = [(I, 0, 2)] if I in formula.free_symbols else None
        found = wf.from_sympy(formula, INDEXED, indices=free)
        np.testing.assert_allclose(wf.evaluate(found, VALUES), wanted, rtol=1e-12, err_msg=str(formula))
    convolution = wf.from_sympy(Sum(v[I - J] * u[J], (J, 0, I)), INDEXED, indices=[(I, 0, 2)])
    gradient = wf.evaluate(wf.grad(convolution.sum(), V), VALUES)
    np.testing.assert_allclose(gradient, np.cumsum(w)[::-1], rtol=1e-12)  # what lies outside contributes nothing


def test_an_idx_is_an_index():
    v, i = IndexedBase("V", real=True), sympy.Idx("i", 3)
    found = wf.from_sympy(Sum(v[i] * i, (i, 0, 2)), INDEXED)
    np.testing.assert_allclose(wf.evaluate(found, VALUES), (VALUES[V] * np.arange(3)).sum())


def test_sizes_are_known_by_their_names():
    x, v, n = wf.vector("x", ("n",), "float64"), IndexedBase("v"), Symbol("n", integer=True)
    y = wf.from_sympy(Sum(v[I] ** 2, (I, 0, n - 1)) / n, {v: x})
    shifted = wf.from_sympy(Sum(v[I] * v[I + 1], (I, 0, n - 2)), {v: x})
    for size in (1, 4):
        values = array(size)
        np.testing.assert_allclose(wf.evaluate(y, {x: values}), (values**2).mean())
        np.testing.assert_allclose(wf.evaluate(shifted, {x: values}), (values[1:] * values[:-1]).sum())
        np.testing.assert_allclose(wf.function([x], shifted)(values), (values[1:] * values[:-1]).sum(), rtol=1e-12)


def test_the_order_of_free_indices():
    a = IndexedBase("A", real=True)
    found = wf.from_sympy(a[I, J], INDEXED, indices=(J, I))
    np.testing.assert_array_equal(wf.evaluate(found, VALUES), VALUES[A].T)
    with pytest.raises(ArgumentError, match="indices are the free indices, which are i, j; k is none"):
        wf.from_sympy(a[I, J], INDEXED, indices=(J, I, K))
    with pytest.raises(ArgumentError, match="j is missing"):
        wf.from_sympy(a[I, J], INDEXED, indices=(I,))


def test_derivatives_are_taken():
    x, m, v = Symbol("x"), MatrixSymbol("Q", 3, 3), IndexedBase("V", real=True)
    at, several = wf.scalar("x", dtype="float64"), wf.vector("xs", (3,), "float64")
    formula = sympy.sin(x) * sympy.exp(x)
    for order in (1, 2, 3):
        wanted = float(sympy.diff(formula, x, order).subs(x, 0.7))
        found = wf.from_sympy(sympy.Derivative(formula, (x, order)), {x: at})
        np.testing.assert_allclose(wf.evaluate(found, {at: 0.7}), wanted, rtol=1e-12)
        found = wf.from_sympy(sympy.Derivative(formula, (x, order)), {x: several})
        np.testing.assert_allclose(wf.evaluate(found, {several: [0.7, 0.7, 1.0]})[:2], wanted, rtol=1e-12)
    fixed = wf.from_sympy(sympy.Derivative(formula, x), {x: 0.7})
    np.testing.assert_allclose(wf.evaluate(fixed, {}), float(sympy.diff(formula, x).subs(x, 0.7)), rtol=1e-6)
    point = wf.from_sympy(sympy.Subs(sympy.Derivative(x**3, x), x, x**2), {x: at})
    np.testing.assert_allclose(wf.evaluate(point, {at: 1.5}), 3 * 1.5**4)
    gradient = wf.from_sympy(sympy.Derivative(sympy.Determinant(m), m), MATRICES)
    np.testing.assert_allclose(
        wf.evaluate(gradient, VALUES), np.linalg.det(VALUES[Q]) * np.linalg.inv(VALUES[Q]).T, rtol=1e-9
    )
    mixed = wf.from_sympy(sympy.Derivative(x**2 * v[I], x), INDEXED | {x: at})
    np.testing.assert_allclose(wf.evaluate(mixed, VALUES | {at: 2.0}), 4 * VALUES[V])
    by_element = wf.from_sympy(sympy.Derivative(Sum(v[I] ** 3, (I, 0, 2)), v[1]), INDEXED)
    np.testing.assert_allclose(wf.evaluate(by_element, VALUES), 3 * VALUES[V][1] ** 2)


SPECIAL = {
    "gamma": (sympy.gamma, 1),
    "loggamma": (sympy.loggamma, 1),
    "digamma": (sympy.digamma, 1),
    "trigamma": (sympy.trigamma, 1),
    "polygamma": (lambda x: sympy.polygamma(3, x), 1),
    "beta": (sympy.beta, 2),
    "binomial": (sympy.binomial, 2),
    "factorial": (sympy.factorial, 1),
    "besselj": (lambda x: sympy.besselj(1, x), 1),
    "bessely": (lambda x: sympy.bessely(0, x), 1),
    "besseli": (lambda x: sympy.besseli(2, x), 1),
    "besselk": (lambda x: sympy.besselk(1, x), 1),
    "erfi": (sympy.erfi, 1),
    "Ei": (sympy.Ei, 1),
    "LambertW": (sympy.LambertW, 1),
    "uppergamma": (lambda x: sympy.uppergamma(sympy.Rational(3, 2), x), 1),
    "lowergamma": (lambda x: sympy.lowergamma(sympy.Rational(3, 2), x), 1),
}
ELSEWHERE = [
    sympy.Heaviside,
    lambda x: sympy.zeta(x + 1),
    sympy.sec,
    sympy.csc,
    sympy.cot,
    sympy.sech,
    sympy.csch,
    sympy.coth,
    sympy.acot,
    lambda x: sympy.acsch(x) + sympy.asec(x + 1) + sympy.acsc(x + 1) + sympy.asech(x / 3) + sympy.acoth(x + 1),
    sympy.sinc,
    sympy.frac,
]


@pytest.mark.parametrize("name", SPECIAL)
def test_special_functions_and_their_derivatives(name):
    make, count = SPECIAL[name]
    symbols, places = sympy.symbols("a b", positive=True)[:count], [A, W][:count]
    formula = make(*symbols)
    y = wf.from_sympy(formula, dict(zip(symbols, places, strict=True)))
    point = [VALUES[x].flat[0] for x in places]
    with mpmath.workdps(30):
        value = sympy.lambdify(symbols, formula, "mpmath")
        wanted = float(value(*point))
        slope = float(mpmath.diff(lambda t: value(t, *point[1:]), point[0]))
    np.testing.assert_allclose(wf.evaluate(y, VALUES).flat[0], wanted, rtol=1e-12)
    gradient = wf.evaluate(wf.grad(y.sum(), places[0]), VALUES)
    np.testing.assert_allclose(gradient.flat[0], slope, rtol=1e-9)
    if name != "factorial" and count == 1:  # as SymPy writes it, factorial(x) is gamma(x + 1)
        scalar = wf.from_sympy(formula, {symbols[0]: S})
        again = wf.to_sympy(scalar).subs(Symbol("s", real=True), sympy.Float(point[0], 30))
        np.testing.assert_allclose(float(again), wanted, rtol=1e-12)


@pytest.mark.parametrize("make", ELSEWHERE)
def test_other_functions(make):
    x = Symbol("x", positive=True)
    wanted = float(make(x).subs(x, sympy.Float(VALUES[S].item(), 30)))
    np.testing.assert_allclose(wf.evaluate(wf.from_sympy(make(x), {x: S}), VALUES), wanted, rtol=1e-12)


def test_the_inverse_of_erfc():
    x = Symbol("x")
    y = wf.from_sympy(sympy.erfcinv(x / 2), {x: V})
    np.testing.assert_allclose(scipy.special.erfc(wf.evaluate(y, VALUES)), VALUES[V] / 2, rtol=1e-12)


def test_logic():
    a, b = sympy.symbols("a b")
    x, y = wf.tensor("x", (4,), "bool"), wf.tensor("y", (4,), "bool")
    values = {x: np.array([0, 0, 1, 1], bool), y: np.array([0, 1, 0, 1], bool)}
    p, q = values.values()
    cases = {a ^ b: p ^ q, a >> b: ~p | q, sympy.Equivalent(a, b): p == q, sympy.ITE(a, b, ~b): np.where(p, q, ~q)}
    for formula, wanted in cases.items():
        np.testing.assert_array_equal(wf.evaluate(wf.from_sympy(formula, {a: x, b: y}), values), wanted)
    back = wf.to_sympy(wf.logical_and(x, wf.logical_not(y)), {x: a, y: b})
    assert back == a & ~b


def test_own_functions():
    f, x = sympy.Function("f"), Symbol("x")
    for key in (f, "f"):
        y = wf.from_sympy(f(x) + 1, {x: V}, functions={key: lambda v: v**3})
        np.testing.assert_allclose(wf.evaluate(y, VALUES), VALUES[V] ** 3 + 1)
    with pytest.raises(ArgumentError, match="weft has no function for SymPy's f") as caught:
        wf.from_sympy(f(x), {x: V})
    assert "functions={'f': a function of expressions}" in caught.value.__notes__[-1]


def test_mistakes_have_sentences():
    v, x, f = IndexedBase("V", real=True), Symbol("x"), sympy.Function("f")
    wrong = {
        sympy.Integral(x, (x, 0, 1)): "weft has no integrals",
        sympy.Limit(x, x, 0): "weft has no limits",
        sympy.I * x: "weft has no complex numbers, and I is one",
        sympy.zoo + x: "weft has no complex numbers, and zoo",
        Sum(v[I], (I, 0, sympy.oo)): "The index i of .* has infinitely many values",
        Sum(Sum(v[J], (J, 0, I**2)), (I, 0, 1)): "depends on the index i, and is no sum of whole numbers",
        Sum(v[I], (I, 0, x)): "The limits and sizes of .* are whole numbers, and s is float64|and x is float64",
        IndexedBase("Z")[1]: "There is no expression for Z, of which Z.1. is an element",
        v[0, 1]: "has 2 indices, and its expression 1 axes",
        MatrixSymbol("Z", 2, 2) * 2: "no expression for the matrix Z",
        MatrixSymbol("Q", 3, 3) ** Symbol("x"): "Powers of matrices are whole numbers",
        sympy.Derivative(f(Symbol("t")), Symbol("t")): "a derivative by t, for which there is no expression",
    }
    given = MATRICES | INDEXED | {x: S}
    for formula, message in wrong.items():
        with pytest.raises(ArgumentError, match=message):
            wf.from_sympy(formula, given)
    for limits in ((I, 0, 3), (I, -1, 1)):
        with pytest.raises(IndexRangeError):
            wf.from_sympy(Sum(v[I], limits), INDEXED)
    with pytest.raises(IndexRangeError):
        wf.from_sympy(v[3], INDEXED)
    with pytest.raises(ArgumentError, match="symbols is a dict"):
        wf.from_sympy(x, [x])
    with pytest.raises(ArgumentError, match="keys of symbols are SymPy's, and 'x' is none"):
        wf.from_sympy(x, {"x": V})
    with pytest.raises(ArgumentError, match="functions is a dict"):
        wf.from_sympy(x, {x: V}, functions=[f])
    with pytest.raises(GradientError, match="zeta has no derivative"):
        wf.grad(wf.from_sympy(sympy.zeta(x), {x: S}), S)
