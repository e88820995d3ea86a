"""Shared variables in files, by name: what is trained, what optimisers remember, where random streams stand."""

from __future__ import annotations

import os
import tempfile
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import IO, Any

import numpy as np

from ..symbolic.arguments import check_flag, check_path
from ..symbolic.dims import show
from ..symbolic.errors import ArgumentError, DTypeError, ShapeError, blame, listing, user_site
from ..symbolic.expr import Expr
from ..symbolic.leaves import Shared
from ..symbolic.variables import get_value, set_value
from .state import variables

Arrays = dict[str, np.ndarray]


def save(path: str | os.PathLike[str], *values: Any) -> None:
    """Write the values of shared variables to a file, each under its name.

        nn.save("run.npz", train)                        # all that a compiled function reads and updates
        nn.save("net.safetensors", nn.parameters(loss))  # what the network has learnt

    Parameters
    ----------
    path : ends in `.npz` (NumPy's format: `numpy.load` reads it) or `.safetensors` (needs the package safetensors)
    values : compiled functions, expressions, updates, in lists and dicts: their `variables`; or one dict
        {name: shared variable}, under its own names

    The file is written beside its place and then put there: whoever is cut off leaves the one before.
    """
    write_arrays(path, {name: get_value(node) for name, node in _variables(values).items()})


def load(path: str | os.PathLike[str], *values: Any, strict: bool = True) -> list[str]:
    """Give shared variables the values that a file of `save` has under their names.

    A file that does not fit changes nothing.

    Parameters
    ----------
    path, values : as for `save`
    strict : False: names that only one of file and program has are left alone

    Returns the names that were set.

    Raises
    ------
    ArgumentError
        for a file that is none of these or cut off, and for names that only one of the two has
    ShapeError, DTypeError
        for a value that does not fit its variable
    """
    check_flag("load", "strict", strict)
    return restore(read_arrays(path), _variables(values), str(path), strict)


def restore(arrays: Mapping[str, np.ndarray], named: Mapping[str, Expr], source: str, strict: bool = True) -> list[str]:
    """Give variables the arrays of their names, once all are known to fit."""
    missing, unknown = [n for n in named if n not in arrays], [n for n in arrays if n not in named]
    if strict and (missing or unknown):
        text = f"load: {source} has no {listing(missing)}." if missing else ""
        text += " " * bool(text) + f"{source} also has {listing(unknown)}." if unknown else ""
        hint = "names are those of layers: build the network in a scope of its own, or take strict=False."
        raise blame(ArgumentError(text if missing else f"load: {text}"), user_site(), hint=hint)
    found = [name for name in named if name in arrays]
    for name in found:
        _check_fits(name, named[name], arrays[name], source)
    for name in found:
        set_value(named[name], arrays[name])
    return found


def _check_fits(name: str, node: Expr, array: np.ndarray, source: str) -> None:
    if array.dtype != node.dtype:
        text = f"load: {name} is {node.dtype.name}, and in {source} {array.dtype.name}."
        raise blame(DTypeError(text), user_site(), node.site)
    sizes = zip(node.shape, array.shape, strict=False)
    if array.ndim != node.ndim or any(isinstance(a, int) and a != b for a, b in sizes):
        text = f"load: {name} has shape {show(node.shape)}, and in {source} {show(array.shape)}."
        raise blame(ShapeError(text), user_site(), node.site)


def _variables(values: tuple[Any, ...]) -> dict[str, Expr]:
    """{name: variable}: a dict of them as it is, else what all values read and write."""
    if len(values) == 1 and isinstance(values[0], Mapping):
        pairs = values[0].items()
        if pairs and all(isinstance(k, str) and isinstance(v, Expr) and isinstance(v.op, Shared) for k, v in pairs):
            return dict(pairs)
    return variables(*values)


# ---- files ---------------------------------------------------------------------------------------------------------


def write_arrays(path: str | os.PathLike[str], arrays: Arrays) -> None:
    """Put a file of arrays in its place, whole or not at all."""
    target = check_path("save: path", path)
    write = _WRITE[_format("save", target)]
    target.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(prefix=f".{target.name}.", dir=target.parent)
    try:
        with os.fdopen(handle, "wb") as file:
            write(file, arrays)
            file.flush()
            os.fsync(file.fileno())
        os.replace(name, target)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise


def read_arrays(path: str | os.PathLike[str]) -> Arrays:
    """The arrays of a file.  Raises ArgumentError for a file that is not there, cut off, or something else."""
    source = check_path("load: path", path)
    read = _READ[_format("load", source)]
    try:
        return read(source)
    except ImportError:
        raise
    except FileNotFoundError:
        raise blame(ArgumentError(f"load: there is no file {source}."), user_site()) from None
    except Exception as error:
        text = f"load: {source} is no whole {source.suffix} file of arrays ({type(error).__name__}: {error})."
        raise blame(ArgumentError(text), user_site()) from error


def _write_npz(file: IO[bytes], arrays: Arrays) -> None:
    # numpy.savez takes names as keywords, of which one, `file`, is its own
    with zipfile.ZipFile(file, "w", zipfile.ZIP_STORED, allowZip64=True) as archive:
        for name, array in arrays.items():
            with archive.open(f"{name}.npy", "w", force_zip64=True) as member:
                np.lib.format.write_array(member, np.asanyarray(array), allow_pickle=False)


def _read_npz(path: Path) -> Arrays:
    # of a path, numpy.load leaves the file open where it raises
    with path.open("rb") as file, np.load(file, allow_pickle=False) as archive:
        return {name: archive[name] for name in archive.files}


def _safetensors() -> Any:
    try:
        import safetensors.numpy
    except ImportError as error:
        text = "Files that end in .safetensors need the package safetensors: pip install safetensors; or write an .npz."
        raise ImportError(text) from error
    return safetensors.numpy


def _write_safetensors(file: IO[bytes], arrays: Arrays) -> None:
    file.write(_safetensors().save({name: np.asarray(array, order="C") for name, array in arrays.items()}))


def _read_safetensors(path: Path) -> Arrays:
    found: Arrays = _safetensors().load(path.read_bytes())
    return found


_WRITE: dict[str, Callable[[IO[bytes], Arrays], None]] = {".npz": _write_npz, ".safetensors": _write_safetensors}
_READ: dict[str, Callable[[Path], Arrays]] = {".npz": _read_npz, ".safetensors": _read_safetensors}


def _format(name: str, path: Path) -> str:
    if path.suffix not in _WRITE:
        text = f"{name}: a file of variables ends in .npz or .safetensors, and {path.name!r} does not."
        raise blame(ArgumentError(text), user_site())
    return path.suffix
