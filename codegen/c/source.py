"""The C source of an exported file: tables between the parts of the runtime, and the functions of the header."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

from ..cpu.run.processor import ProcessorKind
from ..cpu.run.table import BLOCK_PARTS, DONE, PARTS, PAUSED, STEP
from ..cpu.run.team_state import BRIEF_NS, BYTES, TeamField
from .plans import Planner
from .signature import CFunction
from .variables import CVariable

_RUNTIME = Path(__file__).with_name("runtime")
DATA_FILE = "data.bin"
# what there is besides where there are variables, and the parameters behind the state
VARIABLE_FUNCTIONS = {
    "load": ("const char *path",),
    "save": ("const char *path",),
    "get": ("const char *name", "int64_t *shape"),
    "set": ("const char *name", "const void *elements", "const int64_t *shape"),
}
# which bit of what cpuid says stands for an instruction, by the names of LLVM's
_LEAF_1_ECX = {"sse3": 0, "ssse3": 9, "fma": 12, "cx16": 13, "sse4.1": 19, "sse4.2": 20, "movbe": 22, "popcnt": 23}
_LEAF_1_ECX |= {"avx": 28, "f16c": 29}
_LEAF_7_EBX = {"bmi": 3, "avx2": 5, "bmi2": 8, "avx512f": 16, "avx512dq": 17, "avx512cd": 28, "avx512bw": 30}
_LEAF_7_EBX |= {"avx512vl": 31}
_LEAF_EXTENDED_ECX = {"lzcnt": 5}
_KEPT_256, _KEPT_512 = 0x6, 0xE6  # of the state that a system keeps: vectors of 256, of 512 bits


class Unit(NamedTuple):
    """What a file is made of."""

    prefix: str
    functions: Sequence[tuple[CFunction, Planner, str]]  # and for which sizes, in words
    variables: Sequence[CVariable]
    code: Sequence[str]  # symbols
    threads: int  # at most
    processor: ProcessorKind
    features: tuple[str, ...]


def source(unit: Unit) -> str:
    """The text of the file, a single unit of C: all that is not in the header is static."""
    parts = [_part("types.c"), f'#include "{unit.prefix}.h"', _numbers(unit), _data(), _code(unit)]
    parts += [_variables(unit), *(_tables(n, *f) for n, f in enumerate(unit.functions)), _functions(unit)]
    team = ["team.c"] if unit.threads > 1 else []
    files = ["access.c", "npz.c", "read_npz.c", "write_npz.c"] if unit.variables else []
    parts += map(_part, ["memory.c", "values.c", "processor.c", *team, "call.c", "state.c", *files])
    return "\n\n".join([*parts, _interface(unit)]) + "\n"


def _part(name: str) -> str:
    return (_RUNTIME / name).read_text().strip()


def _text(value: str | None) -> str:
    """A string of C."""
    if value is None:
        return "NULL"
    plain = {*range(32, 127)} - {*b'"\\?'}  # of question marks C makes other signs
    return '"' + "".join(chr(b) if b in plain else f"\\{b:03o}" for b in value.encode()) + '"'


def _array(declaration: str, rows: Iterable[str], otherwise: str) -> str:
    """A constant array; C has none without elements."""
    listed = list(rows) or [otherwise]
    return f"static const {declaration}[] = {{\n" + "".join(f"    {row},\n" for row in listed) + "};"


def _numbers(unit: Unit) -> str:
    """The numbers that the runtime takes from weft's modules."""
    numbers = {
        "FUNCTIONS": len(unit.functions),
        "VARIABLES": len(unit.variables),
        "MOST_SIZES": max(1, *(len(f.sizes) for f, _, _ in unit.functions)),
        "MOST_THREADS": unit.threads,
        "STEP": STEP,
        "PARTS": PARTS,
        "BLOCK_PARTS": BLOCK_PARTS,
        "DONE": DONE,
        "PAUSED": PAUSED,
        "FIRST_PAUSE_NS": BRIEF_NS,
        "TEAM_BYTES": BYTES,
        **{f"TEAM_{field.name}": int(field) for field in TeamField},
    }
    masks = _masks(unit)
    lines = [f"#define WEFT_{name} ({number})" for name, number in numbers.items()]
    lines += [f"#define WEFT_{name} {mask:#x}u" for name, mask in masks.items()]
    return "\n".join([*lines, f"#define WEFT_PROCESSOR_NAME {_text(unit.processor.cpu)}"])


def _masks(unit: Unit) -> dict[str, int]:
    """What cpuid has to say of a processor that has all the features."""
    found = {
        name: sum(1 << bit for feature, bit in bits.items() if feature in unit.features)
        for name, bits in (
            ("LEAF_1_ECX", _LEAF_1_ECX),
            ("LEAF_7_EBX", _LEAF_7_EBX),
            ("LEAF_EXTENDED_ECX", _LEAF_EXTENDED_ECX),
        )
    }
    kept = _KEPT_512 if "avx512f" in unit.features else _KEPT_256 if "avx" in unit.features else 0
    return {**found, "KEPT_STATE": kept}


def _data() -> str:
    """The bytes of data.py, which the assembler reads."""
    return (
        'extern const char weft_data[] __attribute__((visibility("hidden")));\n'
        '__asm__(".section .rodata\\n.balign 64\\nweft_data:\\n.incbin \\"' + DATA_FILE + '\\"\\n.byte 0\\n.text");'
    )


def _code(unit: Unit) -> str:
    externs = [f"extern void {name}(void);" for name in unit.code]
    rows = [f"    {name}," for name in unit.code] or ["    0,"]
    return "\n".join([*externs, "static void (*const weft_code[])(void) = {", *rows, "};"])


def _variables(unit: Unit) -> str:
    """The table of variables, each with its sizes and those of its first value."""
    parts, rows = [], []
    for number, v in enumerate(unit.variables):
        names = [f"weft_shape_of_{number}", f"weft_initial_shape_of_{number}"]
        for name, shape in zip(names, (v.shape, v.array.shape), strict=True):
            parts.append(_array(f"int64_t {name}", map(str, shape), "0"))
        kind = v.array.dtype
        texts, initial = [_text(v.name), _text(kind.str)], -1 if v.initial is None else v.initial
        rows.append(_braces([*texts, kind.itemsize, int(kind.kind == "b"), v.array.ndim, *names, initial]))
    return "\n\n".join([*parts, _array("struct weft_variable weft_variables", rows, "{0}")])


def _tables(number: int, f: CFunction, planner: Planner, offered: str) -> str:
    """The tables of a function, each named after its number."""
    arrays = [f"{{{_text(a.name)}, {a.dtype.itemsize}, {int(a.dtype.kind == 'b')}}}" for a in f.arrays]
    layouts = [
        _braces(x for field in layout for x in (field if isinstance(field, tuple) else (field,)))
        for layout in planner.layouts
    ]
    sizes = [", ".join(map(str, plan.sizes)) for plan in planner.plans if plan.sizes]
    plans = [_braces([_text(p.refusal), p.layout, p.changes, p.change_count, p.arena_bytes]) for p in planner.plans]
    return "\n\n".join(
        [
            _array(f"struct weft_array weft_arrays_{number}", arrays, "{0}"),
            _array(f"int weft_kept_{number}", map(str, planner.kept), "0"),
            _array(f"int weft_new_{number}", map(str, planner.new), "0"),
            _array(f"int weft_shaped_{number}", map(str, planner.shaped), "0"),
            _array(f"struct weft_source weft_sources_{number}", map(_braces, planner.sources), "{0}"),
            _array(f"char *const weft_sizes_{number}", map(_text, f.sizes.values()), "NULL"),
            _array(f"int64_t weft_plan_sizes_{number}", sizes, "0"),
            _array(f"struct weft_layout weft_layouts_{number}", layouts, "{0}"),
            _array(f"struct weft_plan weft_plans_{number}", plans, "{0}"),
            _array(f"char *const weft_texts_{number}", map(_text, planner.texts), "NULL"),
        ]
    )


def _braces(values: Iterable[object]) -> str:
    return "{" + ", ".join(map(str, values)) + "}"


def _functions(unit: Unit) -> str:
    rows = []
    for n, (f, planner, offered) in enumerate(unit.functions):
        arrays = [len(f.arrays), sum(a.is_result for a in f.arrays), f"weft_arrays_{n}"]
        new, kept = [len(planner.new), f"weft_new_{n}"], [len(planner.kept), f"weft_kept_{n}"]
        sizes = [len(planner.shaped), f"weft_shaped_{n}", len(f.sizes), f"weft_sizes_{n}"]
        sizes += [len(planner.sources), f"weft_sources_{n}", _text(offered)]
        plans = [len(planner.plans), f"weft_plan_sizes_{n}", f"weft_plans_{n}", f"weft_layouts_{n}"]
        last = [f"weft_texts_{n}", planner.most_words]
        rows.append(_braces([_text(f.name), *arrays, *new, *kept, *sizes, *plans, *last]))
    return _array("struct weft_function weft_functions", rows, "{0}")


def _interface(unit: Unit) -> str:
    """The functions of the header."""
    p = unit.prefix
    state, inner = f"{p}_state *state", "(struct weft_state *)state"
    parts = [
        f"int {p}_create({p}_state **state, int threads)\n{{\n"
        f"    return weft_create((struct weft_state **)state, threads);\n}}",
        f"void {p}_destroy({state})\n{{\n    weft_destroy({inner});\n}}",
    ]
    if unit.variables:
        parts += [_accessor(p, name) for name in VARIABLE_FUNCTIONS]
    parts += [
        f"const char *{p}_message(const {state})\n{{\n"
        f"    return state == NULL ? weft_describe(WEFT_ARGUMENT) : ((const struct weft_state *)state)->message;\n}}",
        f"const char *{p}_describe(int status)\n{{\n    return weft_describe(status);\n}}",
        *(_call(p, number, f) for number, (f, _, _) in enumerate(unit.functions)),
    ]
    return "\n\n".join(parts)


def accessor(prefix: str, name: str) -> str:
    """The declaration of a function of the variables of a state."""
    result, constant = ("const void *", "const ") if name == "get" else ("int ", "")
    return f"{result}{prefix}_{name}({', '.join([f'{constant}{prefix}_state *state', *VARIABLE_FUNCTIONS[name]])})"


def _accessor(prefix: str, name: str) -> str:
    given = ", ".join(parameter.rpartition(" ")[2].lstrip("*") for parameter in VARIABLE_FUNCTIONS[name])
    constant = "const " * (name == "get")
    return f"{accessor(prefix, name)}\n{{\n    return weft_{name}(({constant}struct weft_state *)state, {given});\n}}"


def _call(prefix: str, number: int, f: CFunction) -> str:
    parameters = ", ".join([f"{prefix}_state *state", *f.parameters])
    sizes = ", ".join(name for symbol, name in f.sizes.items() if symbol not in f.stored) or "0"
    arrays = ", ".join(a.name if a.is_result else f"(void *){a.name}" for a in f.arrays) or "NULL"
    return (
        f"int {f.name}({parameters})\n{{\n"
        f"    const int64_t weft_sizes[] = {{{sizes}}};\n"
        f"    void *const weft_arrays[] = {{{arrays}}};\n"
        f"    return weft_call((struct weft_state *)state, {number}, weft_sizes, weft_arrays);\n}}"
    )
