"""The file: a zip archive of stored members, `graph.json` and arrays.  Damage is a sentence, never a surprise."""

from __future__ import annotations

import io
import json
import os
import tempfile
import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ...symbolic.errors import ArgumentError
from ...symbolic.types import SUPPORTED

GRAPH = "graph.json"
_DATE = (1980, 1, 1, 0, 0, 0)  # the first that a zip archive knows: the same function makes the same bytes


# ---- out -------------------------------------------------------------------------------------------------------------


def write_archive(path: Path, graph: Mapping[str, Any], arrays: Sequence[np.ndarray]) -> None:
    """Put the file in its place, whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=path.parent, prefix=f".{path.name}.") as folder:
        target = Path(folder) / "program"
        with target.open("wb") as file:
            with zipfile.ZipFile(file, "w", zipfile.ZIP_STORED, allowZip64=True) as archive:
                archive.writestr(zipfile.ZipInfo(GRAPH, _DATE), write_json(graph))
                for number, array in enumerate(arrays):
                    _write_array(archive, array_name(number), array)
            file.flush()
            os.fsync(file.fileno())
        os.replace(target, path)


def array_name(number: int) -> str:
    """The member that holds array number so and so."""
    return f"arrays/{number}.npy"


def _write_array(archive: zipfile.ZipFile, name: str, array: np.ndarray) -> None:
    little = np.asarray(array.astype(array.dtype.newbyteorder("<"), copy=False), order="C")
    with archive.open(zipfile.ZipInfo(name, _DATE), "w", force_zip64=True) as member:
        np.lib.format.write_array(member, little, allow_pickle=False)


def write_json(graph: Mapping[str, Any]) -> str:
    """The graph as JSON, a line for each row of its tables."""
    return "{\n" + ",\n".join(f"{json.dumps(key)}: {_write_table(value)}" for key, value in graph.items()) + "\n}\n"


def _write_table(value: Any) -> str:
    if isinstance(value, list) and value and isinstance(value[0], dict):
        return "[\n" + ",\n".join(map(_write_row, value)) + "\n]"
    return _write_row(value)


def _write_row(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, allow_nan=False)


# ---- in --------------------------------------------------------------------------------------------------------------


class ProgramFile:
    """A file that is being read: `graph`, and arrays when they are asked for.

    Raises ArgumentError for all that is no such file, or damaged.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        with path.open("rb") as file:
            self.data = file.read()
        self._members = self._read_directory()
        self.graph = self._read_graph()

    def _read_directory(self) -> dict[str, zipfile.ZipInfo]:
        if not zipfile.is_zipfile(io.BytesIO(self.data)):
            raise ArgumentError(self._what_else())
        try:
            self._archive = zipfile.ZipFile(io.BytesIO(self.data))
        except Exception as error:  # zipfile raises errors of many kinds for what is damaged
            raise self._damage(str(error)) from None
        found = {info.filename: info for info in self._archive.infolist()}
        if GRAPH not in found:
            arrays = bool(found) and all(name.endswith(".npy") for name in found)
            hint = "it has arrays alone: give them to variables with weft.nn.load(path, values)" if arrays else ""
            raise ArgumentError(f"{self.path} is no program: there is no {GRAPH} in it{hint and ', and ' + hint}.")
        return found

    def _what_else(self) -> str:
        """What the file is, and who reads it, where that is known."""
        length = int.from_bytes(self.data[:8], "little")
        if self.data[8:9] == b"{" and 2 <= length <= len(self.data) - 8:
            return (
                f"{self.path} is a file of safetensors, which has weights and no graph: "
                "give them to variables with weft.nn.load(path, values)."
            )
        if self.path.suffix == ".onnx":
            return f"{self.path} is no program of weft's: weft.onnx.load reads models in ONNX."
        return f"{self.path} is no program, as f.save writes it, or it is cut off."

    def _damage(self, text: str) -> ArgumentError:
        return ArgumentError(f"{self.path} is damaged: {text.rstrip('.')}.")

    def _read_member(self, name: str) -> bytes:
        info = self._members.get(name)
        if info is None:
            raise self._damage(f"there is no {name} in it")
        if info.compress_type != zipfile.ZIP_STORED or info.file_size > len(self.data) or info.flag_bits & 1:
            raise self._damage(f"{name} is not stored as it is")
        try:
            return self._archive.read(info)
        except Exception as error:  # of many kinds, as above
            raise self._damage(f"{name}: {error or type(error).__name__}") from None

    def _read_graph(self) -> dict[str, Any]:
        try:
            found = json.loads(self._read_member(GRAPH), parse_constant=_refuse_constant)
        except (ValueError, RecursionError) as error:
            raise self._damage(f"{GRAPH} is no JSON ({error})") from None
        if not isinstance(found, dict):
            raise self._damage(f"{GRAPH} is not a table")
        return found

    def read_array(self, number: Any) -> np.ndarray:
        """An array of its own, C-contiguous, whose length is that of its bytes."""
        if type(number) is not int or number < 0:
            raise self._damage(f"an array is named {number!r}")
        name = array_name(number)
        data = self._read_member(name)
        try:
            shape, fortran, kind, offset = _read_header(data)
        except Exception as error:
            raise self._damage(f"{name} is no array ({error})") from None
        native = kind.newbyteorder("=")
        count = 1
        for size in shape:
            count *= size
        if native not in SUPPORTED or min(shape, default=0) < 0 or count * kind.itemsize != len(data) - offset:
            raise self._damage(f"{name} is {kind}{shape}, in {len(data) - offset} bytes")
        flat = np.frombuffer(data, kind, offset=offset)
        if native.kind == "b" and (flat.view(np.uint8) > 1).any():
            raise self._damage(f"{name} has bools that are neither 0 nor 1")
        try:
            return np.array(flat.reshape(shape, order="F" if fortran else "C").astype(native), order="C")
        except ValueError as error:
            raise self._damage(f"{name}: {error}") from None


def _read_header(data: bytes) -> tuple[tuple[int, ...], bool, np.dtype, int]:
    """(shape, whether in Fortran's order, dtype, where the elements begin) of an .npy file."""
    file = io.BytesIO(data)
    version = np.lib.format.read_magic(file)
    if version not in ((1, 0), (2, 0)):
        raise ValueError(f"version {version}")
    read = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
    shape, fortran, kind = read(file)
    return shape, fortran, kind, file.tell()


def _refuse_constant(text: str) -> Any:
    raise ValueError(f"{text} is none of its numbers")
