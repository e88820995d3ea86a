"""Imports point down and never lead back, wherever they stand, and importing weft brings in nothing heavy."""

import ast
import importlib.util
import subprocess
import sys
import tomllib
from functools import cache
from graphlib import CycleError, TopologicalSorter
from pathlib import Path
from typing import NamedTuple

import pytest

import weft

ROOT = Path(weft.__file__).parent
# Each may import those before it.  "" is the façade; compat stands above it, since it is written in its terms.
LAYERS = ("symbolic", "ops", "codegen", "testing", "nn", "exchange", "", "compat")
SOURCES = [
    *sorted(path for layer in LAYERS if layer for path in (ROOT / layer).rglob("*.py")),
    *sorted(ROOT.glob("*.py")),
]
HEAVY = ("sympy", "numba", "llvmlite", "scipy", "matplotlib", "torch", "jax", "mpmath", "platformdirs")
HEAVY += ("safetensors", "tqdm", "graphviz", "sklearn", "onnx", "onnx_ir", "ml_dtypes")
# What finds modules by name: façades, the table of targets, and kernels, which are imported when first used.
BY_NAME = ("__init__.py", "nn/__init__.py", "compat/theano/__init__.py", "compat/theano/modules.py")
BY_NAME += ("codegen/target.py", "codegen/cpu/kernels.py", "codegen/cpu/run/made.py", "codegen/cuda/kernels.py")


def name_of(path):
    parts = ["weft", *path.relative_to(ROOT).with_suffix("").parts]
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


MODULES = {name_of(path): path for path in SOURCES}


def relative(module):
    return MODULES[module].relative_to(ROOT).as_posix()


class Source(NamedTuple):
    """What a module says of imports: the statements at its top, those within functions, and the names that it uses."""

    top: list[ast.stmt]  # those for type checkers included
    within: list[ast.stmt]
    names: set[str]


def parse(text):
    found = Source([], [], set())
    waiting = [(ast.parse(text), False)]
    while waiting:
        node, inside = waiting.pop()
        if isinstance(node, ast.Import | ast.ImportFrom):
            (found.within if inside else found.top).append(node)
        if isinstance(node, ast.ImportFrom):
            found.names.update(alias.name for alias in node.names)
        elif isinstance(node, ast.Name):
            found.names.add(node.id)
        elif isinstance(node, ast.Attribute):
            found.names.add(node.attr)
        inside = inside or isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda)
        waiting += [(child, inside) for child in ast.iter_child_nodes(node)]
    return found


def named_by(node, module, is_package):
    """The modules that an import names."""
    if isinstance(node, ast.Import):
        return {alias.name for alias in node.names}
    package = module if is_package else module.rpartition(".")[0]
    base = importlib.util.resolve_name("." * node.level + (node.module or ""), package)
    return {full if (full := f"{base}.{alias.name}") in MODULES else base for alias in node.names}


def modules_named(nodes, module):
    is_package = module in MODULES and MODULES[module].name == "__init__.py"
    return set().union(*(named_by(node, module, is_package) for node in nodes))


@cache
def sources():
    return {module: parse(path.read_text()) for module, path in MODULES.items()}


@cache
def at_top():
    return {module: modules_named(source.top, module) for module, source in sources().items()}


@cache
def within():
    return {module: modules_named(source.within, module) for module, source in sources().items()}


def layer_of(module):
    part = [*module.split("."), ""][1]
    return LAYERS.index(part) if part in LAYERS else LAYERS.index("")


def test_imports_point_down():
    wrong = []
    for module in MODULES:
        ours = {m for m in at_top()[module] | within()[module] if m.split(".")[0] == "weft"}
        known = {m if m in MODULES else m.rpartition(".")[0] for m in ours}
        wrong += [f"{module} imports {m}" for m in known if layer_of(m) > layer_of(module)]
    assert wrong == []


def test_imports_inside_the_package_are_relative():
    wrong = []
    for module, source in sources().items():
        above = ("weft",) if layer_of(module) > LAYERS.index("") else ()  # `import weft as wf`, as a user would
        for node in [*source.top, *source.within]:
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else [node.module or ""]
            inside = [n for n in names if n.split(".")[0] == "weft" and n not in above]
            if inside and not (isinstance(node, ast.ImportFrom) and node.level):
                wrong.append(f"{module}:{node.lineno} names {inside}")
    assert wrong == []


def test_no_module_leads_back_to_itself():
    edges = {}
    for module in MODULES:
        edges[module] = (at_top()[module] | within()[module]) & MODULES.keys() - {module}
    try:
        TopologicalSorter(edges).prepare()
    except CycleError as error:
        pytest.fail(" -> ".join(map(str, reversed(error.args[1]))))


def heavy():
    """The modules of weft whose import brings in a heavy library."""
    found = {module for module, names in at_top().items() if any(n.split(".")[0] in HEAVY for n in names)}
    while more := {module for module, names in at_top().items() if names & found} - found:
        found |= more
    return found


def test_functions_import_only_what_is_heavy():
    libraries = heavy()
    wrong = []
    for module in MODULES.keys() - {"weft"}:  # the façade imports nothing before it is asked
        light = {n for n in within()[module] if n.split(".")[0] not in HEAVY and n not in libraries}
        wrong += [f"{module} imports {n}" for n in light]
    assert wrong == []


def test_modules_are_imported_not_looked_up_by_name():
    found = {relative(m) for m, source in sources().items() if source.names & {"import_module", "__import__"}}
    assert sorted(found - set(BY_NAME)) == []


SAMPLE = """
import numpy
from typing import TYPE_CHECKING
if TYPE_CHECKING:
    from ..symbolic import expr
def f():
    try:
        pass
    except ValueError:
        from . import scalar
class C:
    from .scalar import exp
    def method(self):
        if True:
            import sympy
"""


def test_imports_are_seen_wherever_they_stand():
    source = parse(SAMPLE)
    top, inside = (modules_named(nodes, "weft.ops.sample") for nodes in (source.top, source.within))
    assert top == {"numpy", "typing", "weft.symbolic.expr", "weft.ops.scalar"}
    assert inside == {"weft.ops.scalar", "sympy"}


@pytest.mark.parametrize("module", ["weft", "weft.compat.theano", "weft.compat.theano.tensor"])
def test_importing_weft_imports_nothing_heavy(module):
    code = f"import sys, {module}; print([m for m in {HEAVY!r} if m in sys.modules])"
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


def test_every_package_is_installed():
    """Setuptools takes what pyproject.toml lists, and nothing else."""
    listed = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"]["packages"]
    there = {name_of(path) for path in SOURCES if path.name == "__init__.py"}
    assert sorted(listed) == sorted(there)
