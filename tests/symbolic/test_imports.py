"""Imports point down, and importing weft brings in nothing heavy."""

import ast
import importlib.util
import subprocess
import sys
from pathlib import Path

import pytest

import weft

ROOT = Path(weft.__file__).parent
LAYERS = ("symbolic", "ops", "codegen", "testing", "nn", "")  # each may import those before it; "" is the façade
SOURCES = [*sorted(p for layer in LAYERS[:-1] for p in (ROOT / layer).rglob("*.py")), ROOT / "__init__.py"]
HEAVY = ("sympy", "numba", "llvmlite", "scipy", "matplotlib", "torch", "jax")


def name_of(path):
    parts = ["weft", *path.relative_to(ROOT).with_suffix("").parts]
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


MODULES = {name_of(path): path for path in SOURCES}


def imports(path, deep):
    """The modules of weft that a file imports: at the top, or (deep) within functions too."""
    module = name_of(path)
    package = module if path.name == "__init__.py" else module.rpartition(".")[0]
    found = set()
    for node in _statements(ast.parse(path.read_text()), deep):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        else:
            base = importlib.util.resolve_name("." * node.level + (node.module or ""), package)
            found |= {full if (full := f"{base}.{alias.name}") in MODULES else base for alias in node.names}
    return found


def _statements(tree, deep):
    waiting = list(tree.body)
    while waiting:
        node = waiting.pop()
        if isinstance(node, ast.Import | ast.ImportFrom):
            yield node
        elif isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
            waiting += node.orelse
        elif deep or not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
            waiting += [child for child in ast.iter_child_nodes(node) if isinstance(child, ast.stmt)]


def layer_of(module):
    part = [*module.split("."), ""][1]
    return LAYERS.index(part) if part in LAYERS else len(LAYERS) - 1


@pytest.mark.parametrize("module", MODULES)
def test_imports_point_down(module):
    # symbolic/ reaches the compiler in one place, when it is called: Expr.eval
    deep = module != "weft.symbolic.expr"
    ours = [m for m in imports(MODULES[module], deep) if m.split(".")[0] == "weft"]
    upwards = [m for m in ours if layer_of(m) > layer_of(module)]
    assert upwards == []


@pytest.mark.parametrize("module", MODULES)
def test_imports_inside_the_package_are_relative(module):
    for node in _statements(ast.parse(MODULES[module].read_text()), deep=True):
        names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else [node.module or ""]
        assert all((node.__class__ is ast.ImportFrom and node.level) or not n.startswith("weft") for n in names)


def test_no_module_imports_itself_by_a_detour():
    edges = {m: {i for i in imports(p, deep=False) if i in MODULES} for m, p in MODULES.items()}
    done: set[str] = set()
    for start in edges:
        path: list[str] = []
        _visit(start, edges, done, path)


def _visit(module, edges, done, path):
    assert module not in path, " -> ".join([*path[path.index(module) :], module])
    if module in done:
        return
    for other in edges[module]:
        _visit(other, edges, done, [*path, module])
    done.add(module)


def test_importing_weft_imports_nothing_heavy():
    code = f"import sys, weft; print([m for m in {HEAVY!r} if m in sys.modules])"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "[]"


def test_writing_a_model_imports_nothing_heavy():
    code = f"""
import sys, numpy, weft as wf
x, t = wf.tensor4("x", ("batch", 1, 28, 28)), wf.vector("t", ("batch",), "int64")
k = wf.shared(numpy.zeros((5, 1, 5, 5), "float32"), "k")
w = wf.shared(numpy.zeros((5 * 12 * 12, 10), "float32"), "w")
h = wf.max_pool2d(wf.relu(wf.conv2d(x, k)), 2)
loss = wf.crossentropy(wf.flatten(h, 1) @ w, t).mean()
wf.grad(loss, [k, w])
print([m for m in {HEAVY!r} if m in sys.modules])
"""
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "[]"


def test_arithmetic_on_sizes_needs_no_sympy():
    code = """
import sys, weft as wf, weft.compat.theano as theano, weft.compat.theano.tensor as T
x, image = wf.matrix("x", ("n", "d")), wf.tensor4("image", (None, 3, None, None))
h = wf.concatenate([x[1:] - x[:-1], x[:5], x[::2], x[1::2]])
k = wf.ones((4, 3, 3, 3))
p = wf.max_pool2d(wf.conv2d(image, k, padding="same", stride=2), 2)
flat = p.reshape((p.shape[0], -1))
loss = h.mean() + wf.var(x[: x.shape[0] // 2], 0).sum() + (flat @ wf.ones((flat.shape[1], 2))).sum()
wf.grad(loss, [x, image, k])

s, mask, w = T.tensor3("s"), T.matrix("mask"), theano.shared([[0.5] * 8] * 2)
def step(now, m, before):
    gates = now + T.dot(before, w)
    new = T.nnet.sigmoid(gates[:, :2]) * T.tanh(gates[:, 2:4]) + T.nnet.sigmoid(gates[:, 4:6]) * gates[:, 6:]
    return T.switch(m, new, before)
sequence = T.dot(s.dimshuffle(1, 0, 2), w)
states, _ = theano.scan(step, [sequence, mask.dimshuffle(1, 0, "x")], T.zeros((s.shape[0], 2)))
y = T.reshape(states.dimshuffle(1, 0, 2), (s.shape[0] * s.shape[1], 2))
T.grad(T.nnet.categorical_crossentropy(T.nnet.softmax(y), T.ivector("t")).mean(), w)
print("sympy" in sys.modules)
"""
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert (run.stderr, run.stdout.strip()) == ("", "False")
