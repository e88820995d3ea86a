"""Which of Theano's modules has which names, and the importer that makes them.

A module of Theano shows the public names of some files of this folder.  A name that none of them has raises an error
with the name, the module, and the caller's line.
"""

from __future__ import annotations

import importlib
import importlib.abc
import importlib.machinery
import sys
from types import ModuleType
from typing import Any

from ...symbolic.errors import blame, user_site

_ARRAYS = ("elementwise", "creation", "shapes", "joining", "reductions", "indexing", "subtensors", "products")
_TENSOR = ("types", "variables", "storage", *_ARRAYS, "gradients")
_CALLS = ("functions", "modes", "mode_names")
_WATCHING = ("watching", "nan_detection")
_GRAPH = ("op", "graphs", "custom", *_CALLS, "variables", "storage", "test_values", "elementwise")
# of theano.gpuarray: itself and its modules
_GPU = (
    "",
    ".basic_ops",
    ".blas",
    ".dnn",
    ".elemwise",
    ".fft",
    ".linalg",
    ".nnet",
    ".opt",
    ".pool",
    ".rng_mrg",
    ".type",
)

# Theano's module, after "theano.": the files whose names it shows
MODULES: dict[str, tuple[str, ...]] = {
    "": (
        "root",
        *_CALLS,
        "variables",
        "creation",
        "types",
        "storage",
        "loops",
        "op",
        "graphs",
        "custom",
        "gradients",
        "configuration",
        "display",
        "gpu",
    ),
    "compat": ("root",),
    "compat.python2x": ("root",),
    "compile": (*_WATCHING, *_GRAPH, "optimizer", "root"),
    "compile.builders": ("graphs",),
    "compile.debugmode": (*_WATCHING, "op", "custom", *_CALLS),
    "compile.function": _CALLS,
    "compile.function_module": _CALLS,
    "compile.io": _CALLS,
    "compile.mode": (*_CALLS, *_WATCHING, "optimizer"),
    "compile.monitormode": _WATCHING,
    "compile.nanguardmode": _WATCHING,
    "compile.ops": ("op", "custom", "elementwise"),
    "compile.pfunc": _CALLS,
    "compile.profiling": ("root",),
    "compile.sharedvalue": ("storage",),
    "configdefaults": ("configuration", "root"),
    "configparser": ("configuration",),
    "gof": (*_GRAPH, "optimizer", "root"),
    "gof.fg": ("graphs", *_CALLS),
    "gof.graph": ("graph_clones", "op", "graphs", "variables"),
    "gof.op": ("op", "custom", "test_values"),
    "gof.opt": ("optimizer", *_CALLS),
    "gof.optdb": ("optimizer",),
    "gof.link": (*_CALLS, *_WATCHING),
    "gof.params_type": ("root",),
    "gof.toolbox": ("graphs",),
    "gof.vm": _CALLS,
    "gof.utils": ("test_values", "root"),
    "gof.type": ("types",),
    "gradient": ("gradients",),
    "graph": _GRAPH,
    "graph.basic": ("graph_clones", *_GRAPH),
    "graph.fg": ("graphs", *_CALLS),
    "graph.utils": ("test_values", "root"),
    "graph.op": ("op", "custom", "test_values"),
    **dict.fromkeys([f"{root}{part}" for root in ("gpuarray", "sandbox.gpuarray") for part in _GPU], ("gpu",)),
    "ifelse": ("loops",),
    "misc": (),
    "misc.pkl_utils": _CALLS,
    "printing": ("display",),
    "sandbox": (),
    "sandbox.linalg": ("products",),
    "sandbox.neighbours": ("windows",),
    "sandbox.rng_mrg": ("streams", "storage"),
    "sandbox.softsign": ("activations",),
    "scalar": ("scalar_ops", "elementwise", "types"),
    "scalar.basic": ("scalar_ops", "elementwise", "types"),
    "scalar.basic_scipy": ("special", "scalar_ops"),
    "scan_module": ("loops",),
    "scan_module.scan": ("loops",),
    "scan_module.scan_op": ("loops",),
    "scan_module.scan_utils": ("loops", "graphs"),
    "scan_module.scan_views": ("loops",),
    "sparse": ("sparse_matrices",),
    "sparse.basic": ("sparse_matrices",),
    "sparse.sharedvar": ("sparse_matrices",),
    "sparse.type": ("sparse_matrices",),
    "tensor": (*_TENSOR, "activations", "special", "op", "graphs", "root"),
    "tensor.basic": (*_TENSOR, "special", "graphs", "root"),
    "tensor.blas": ("products",),
    "tensor.elemwise": ("elementwise", "shapes", "reductions"),
    "tensor.fft": ("fourier",),
    "tensor.extra_ops": ("shapes", "joining", "reductions", "creation", "indexing", "subtensors"),
    "tensor.nlinalg": ("products", "indexing", "subtensors"),
    "tensor.nnet": ("activations", "convolutions", "windows", "normalization"),
    "tensor.nnet.abstract_conv": ("convolutions", "windows"),
    "tensor.nnet.bn": ("normalization",),
    "tensor.nnet.conv": ("convolutions", "windows"),
    "tensor.nnet.conv3d2d": ("windows",),
    "tensor.nnet.neighbours": ("windows",),
    "tensor.nnet.nnet": ("activations",),
    "tensor.nnet.sigm": ("activations",),
    "tensor.opt": ("optimizer", "shapes", "elementwise"),
    "tensor.raw_random": ("streams",),
    "tensor.shared_randomstreams": ("streams", "storage"),
    "tensor.sharedvar": ("storage",),
    "tensor.signal": ("windows",),
    "tensor.signal.conv": ("images",),
    "tensor.signal.downsample": ("windows",),
    "tensor.signal.pool": ("windows",),
    "tensor.slinalg": ("products",),
    "tensor.sort": (
        "indexing",
        "subtensors",
    ),
    "tensor.subtensor": (
        "indexing",
        "subtensors",
    ),
    "tensor.type": ("types",),
    "tensor.utils": ("graphs",),
    "tensor.var": ("variables", "storage"),
    "tensor.xlogx": ("entropy",),
    "tests": (),
    "tests.unittest_tools": ("gradients", "test_values"),
    "updates": ("loops",),
    "version": ("root",),
}

PACKAGE = __package__  # weft.compat.theano


class TheanoModule(ModuleType):
    """A module of Theano: names of this folder's files, and its own submodules."""

    path: str

    def __getattr__(self, name: str) -> Any:
        if name == "__version__" and not self.path:
            return sys.modules[PACKAGE].__version__
        if name.startswith("__"):
            raise AttributeError(name)
        below = f"{self.path}.{name}".lstrip(".")
        if self.path == "sandbox" and name == "cuda":
            raise AttributeError("theano.sandbox.cuda was removed before Theano 1.0; theano.gpuarray came after it.")
        if not self.path and name == "theano":  # some programs write `from theano import theano`
            return sys.modules[self.__name__]
        if not self.path and name in MODULES:  # theano.tensor is the module, not the function
            return importlib.import_module(f"{self.__name__}.{name}")
        for file in MODULES[self.path]:
            module = importlib.import_module(f"{PACKAGE}.{file}")
            if name in vars(module) and _public(module, name):
                found = vars(module)[name]
                setattr(self, name, found)
                return found
        if below in MODULES:
            return importlib.import_module(f"{self.__name__}.{name}")
        label = f"theano.{self.path}".rstrip(".")
        error = AttributeError(f"{label} has no {name!r} in weft.compat.theano.", name=name, obj=self)
        raise blame(error, user_site())

    def __setattr__(self, name: str, value: Any) -> None:
        """Imports bind submodules here, which must not hide the functions of their names: T.sort is one of them."""
        below = f"{self.__dict__.get('path', '')}.{name}"
        if isinstance(value, TheanoModule) and below in MODULES:
            for file in MODULES[self.path]:
                module = importlib.import_module(f"{PACKAGE}.{file}")
                if name in vars(module) and _public(module, name):
                    return
        super().__setattr__(name, value)

    def __dir__(self) -> list[str]:
        names = [n for f in MODULES[self.path] for n in _names(importlib.import_module(f"{PACKAGE}.{f}"))]
        return sorted({*super().__dir__(), *names})


def _public(module: ModuleType, name: str) -> bool:
    """Whether a name is Theano's: what is defined in the files of the table, and nothing that they import."""
    found = vars(module)[name]
    if name in _HIDDEN or isinstance(found, ModuleType):
        return False
    origin = getattr(found, "__module__", None) or ""
    own = origin in _SHOWN or not origin.startswith("weft.")
    return own and not origin.startswith("typing") and origin not in ("collections.abc", "__future__", "dataclasses")


_SHOWN = frozenset(f"{PACKAGE}.{file}" for files in MODULES.values() for file in files)
_HIDDEN = frozenset(
    ["shared_class", "wrap", "variable_of", "fitting", "numbers", "make_elemwise"]
)  # what files have for others


def _names(module: ModuleType) -> list[str]:
    return [n for n in vars(module) if not n.startswith("_") and _public(module, n)]


class Finder(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Makes theano.tensor.nnet, and weft.compat.theano.tensor.nnet, out of the table."""

    def __init__(self, *roots: str) -> None:
        self.roots = roots

    def find_spec(self, name: str, path: Any = None, target: Any = None) -> Any:
        """The specification of one of Theano's modules; None for all others."""
        for root in self.roots:
            below = name[len(root) + 1 :] if name.startswith(root + ".") else "" if name == root else None
            if below is not None and below in MODULES and (below or root != PACKAGE):
                return importlib.machinery.ModuleSpec(name, self, is_package=True)
        return None

    def create_module(self, spec: Any) -> ModuleType:
        """The one module of this path, under whichever root it is asked for."""
        path = next(spec.name[len(r) + 1 :] for r in self.roots if spec.name == r or spec.name.startswith(r + "."))
        known = sys.modules.get(f"{PACKAGE}.{path}" if path else "")
        if isinstance(known, TheanoModule):
            return known
        made = TheanoModule(spec.name, f"theano.{path} on weft.")
        made.path = path
        made.__path__ = []
        return made

    def exec_module(self, module: ModuleType) -> None:
        """Nothing: names are looked up when they are asked for."""


def install(*roots: str) -> None:
    """Let imports of these packages find this layer: "theano", say, as `python -m weft.compat.theano` does."""
    for root in roots:
        if not any(isinstance(f, Finder) and root in f.roots for f in sys.meta_path):
            sys.meta_path.insert(0, Finder(root))
