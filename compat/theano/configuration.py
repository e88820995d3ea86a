"""`theano.config`: floatX and the few other flags that mean something here, read from THEANO_FLAGS.

A flag without a meaning here keeps its value for the program, and a warning says so, once for each flag.
"""

from __future__ import annotations

import os
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

# flag: (value at first, the values it takes, or None for any)
FLAGS: dict[str, tuple[Any, tuple[Any, ...] | None]] = {
    "floatX": ("float64", ("float64", "float32")),
    "compute_test_value": ("off", ("off", "ignore", "warn", "raise", "pdb")),
    "cast_policy": ("custom", ("custom", "numpy+floatX")),
    "int_division": ("int", ("int", "raise", "floatX")),
    "on_unused_input": ("raise", ("raise", "warn", "ignore")),
    "mode": ("Mode", None),
    "exception_verbosity": ("low", ("low", "high")),
    "optimizer": ("fast_run", None),
}

# Flags of Theano that programs set and that change nothing here: devices, C compilers, caches, profiles.
WITHOUT_MEANING: dict[str, Any] = {
    "allow_gc": True,
    "allow_output_prealloc": True,
    "assert_no_cpu_op": "ignore",
    "base_compiledir": "",
    "blas.ldflags": "",
    "blocksparse_warn": True,
    "cmodule.age_thresh_use": 2073600,
    "compiledir": "",
    "compiledir_format": "",
    "cuda.root": "",
    "cxx": "",
    "deterministic": "default",
    "device": "cpu",
    "DebugMode.check_finite": True,
    "dnn.conv.algo_bwd": "none",
    "dnn.conv.algo_bwd_data": "none",
    "dnn.conv.algo_bwd_filter": "none",
    "dnn.conv.algo_fwd": "small",
    "dnn.enabled": "False",
    "enable_initial_driver_test": False,
    "experimental.unpickle_gpu_on_cpu": False,
    "force_device": False,
    "gcc.cxxflags": "",
    "gcc__cxxflags": "",
    "gpuarray.preallocate": -1.0,
    "init_gpu_device": "",
    "lib.amdlibm": False,
    "lib.cnmem": 0.0,
    "linker": "cvm",
    "nvcc.fastmath": False,
    "nvcc.flags": "",
    "openmp": False,
    "openmp_elemwise_minsize": 200000,
    "optimizer_excluding": "",
    "optimizer_including": "",
    "optimizer_verbose": False,
    "print_active_device": True,
    "profile": False,
    "profile_memory": False,
    "profile_optimizer": False,
    "profiling.time_thunks": True,
    "reoptimize_unpickled_function": False,
    "root": "",
    "scan.allow_gc": False,
    "scan.allow_output_prealloc": True,
    "seed": 666,
    "traceback.limit": 8,
    "unittests.rseed": 666,
    "warn.ignore_bug_before": "0.9",
    "warn.round": False,
    "warn.subtensor_merge_bug": False,
    "warn_float64": "ignore",
}


class Flags:
    """The flags as attributes; `theano.config.blas.ldflags` is the flag "blas.ldflags"."""

    def __init__(self, text: str = "") -> None:
        self.__dict__["_values"] = {name: first for name, (first, _) in FLAGS.items()} | WITHOUT_MEANING
        self.__dict__["_told"] = set()
        for entry in filter(None, (part.strip() for part in text.split(","))):
            name, _, value = entry.partition("=")
            self._set(name.strip(), _parse(value.strip()))

    def __getattr__(self, name: str) -> Any:
        if name in self._values:
            return self._values[name]
        if any(flag.startswith(name + ".") for flag in self._values):
            return _Section(self, name)
        raise AttributeError(f"theano.config has no flag {name!r} in weft.compat.theano.")

    def __setattr__(self, name: str, value: Any) -> None:
        self._set(name, value)

    def _set(self, name: str, value: Any) -> None:
        if name in FLAGS:
            allowed = FLAGS[name][1]
            if allowed is not None and value not in allowed:
                raise ValueError(f"theano.config.{name} is one of {', '.join(map(repr, allowed))}, not {value!r}.")
        elif self._values.get(name) != value and name not in self._told:
            self._told.add(name)
            warnings.warn(f"The flag {name} has no meaning in weft; {value!r} is noted.", UserWarning, stacklevel=3)
        self._values[name] = value

    @contextmanager
    def change_flags(self, **flags: Any) -> Iterator[None]:
        """Other values for a while; names with dots are written with two underscores, or given as a dict."""
        before = dict(self._values)
        for name, value in flags.items():
            self._set(name.replace("__", "."), value)
        try:
            yield
        finally:
            self._values.clear()
            self._values.update(before)

    def __str__(self) -> str:
        return "\n".join(f"{name} = {value}" for name, value in sorted(self._values.items()))


class _Section:
    """The flags that begin with a name and a dot."""

    def __init__(self, config: Flags, name: str) -> None:
        self.__dict__.update(_config=config, _name=name)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._config, f"{self._name}.{name}")

    def __setattr__(self, name: str, value: Any) -> None:
        self._config._set(f"{self._name}.{name}", value)


def _parse(text: str) -> Any:
    """A flag's value as a program would write it: True, 1, 0.5 or a string."""
    if text in ("True", "False"):
        return text == "True"
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            continue
    return text


def change_flags(**flags: Any) -> Any:
    """theano.config.change_flags: as a context, or as a decorator."""
    return config.change_flags(**flags)


config = Flags(os.environ.get("THEANO_FLAGS", ""))
