"""Programs written for Theano, on weft.

    python -m weft.compat.theano script.py arguments      # `import theano` and its modules resolve to weft
    import weft.compat.theano as theano                   # or by hand

A translation of names and conventions: floatX is float64, convolution flips the kernel, whole numbers divide to
floatX.  All work is done by weft; random numbers are weft's, and differ from Theano's.
"""

from importlib import import_module as _import_module
from typing import Any

from ...symbolic.numpy_protocol import bind as _bind_numpy
from . import bindings as _bindings
from .modules import TheanoModule, install

__version__ = "1.0.5"  # the version of Theano whose names and conventions these are

install(__name__)
_root = TheanoModule(__name__)
_root.path = ""
_root.__path__ = __path__
_bind_numpy(f"{__name__}.tensor", lambda name: getattr(_import_module(f"{__name__}.tensor"), name, None))


def __getattr__(name: str) -> Any:
    return getattr(_root, name)


def __dir__() -> list[str]:
    return dir(_root)
