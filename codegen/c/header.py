"""The header of an exported file: every function with its parameters, shapes and statuses."""

from __future__ import annotations

from collections.abc import Sequence

from .signature import CArray, CFunction
from .source import accessor
from .variables import CVariable

STATUSES = {
    "OK": "all is done",
    "ARGUMENT": "an argument is NULL, not aligned, or shares memory with a result or variable; "
    "a bool is neither 0 nor 1",
    "SIZES": "the function was not exported for these sizes, or they do not fit each other",
    "INPUT": "a step refused its input, such as an index that is out of range; no variable has changed",
    "MEMORY": "there is not enough memory",
    "BUSY": "another thread is in a call with this state",
    "FILE": "a file cannot be read or written, or does not fit the variables",
    "PROCESSOR": "this processor lacks instructions of the code",
    "EMPTY": "the variables have no values yet: load a file",
}


def header(
    prefix: str, functions: Sequence[CFunction], variables: Sequence[CVariable], offered: Sequence[str], processor: str
) -> str:
    """The text of the file."""
    guard = f"{prefix.upper()}_H"
    parts = [
        _introduction(prefix, processor),
        f'#ifndef {guard}\n#define {guard}\n\n#include <stdint.h>\n\n#ifdef __cplusplus\nextern "C" {{\n#endif',
        _statuses(prefix),
        _state(prefix, variables),
        *(_function(prefix, f, text) for f, text in zip(functions, offered, strict=True)),
        "#ifdef __cplusplus\n}\n#endif\n\n#endif",
    ]
    return "\n\n".join(parts) + "\n"


def _comment(lines: Sequence[str]) -> str:
    """Lines as a comment, in which nothing ends it."""
    if len(lines) == 1:
        return f"/* {lines[0].replace('*/', '* /')} */"
    inside = "\n".join(f" * {line}".rstrip() for line in lines).replace("*/", "* /")
    return f"/*{inside.removeprefix(' *')}\n */"


def _introduction(prefix: str, processor: str) -> str:
    return _comment(
        [
            f"{prefix}: functions that weft compiled.  Link {prefix}.o with -lm -lpthread; nothing else is needed.",
            "",
            "Arrays are in C order, without gaps; a bool is a byte of 0 or 1, a float16 the bits of one.  Results are",
            "written to memory of the caller's, which nothing else shares.  Functions that return an int return a",
            "status.  One call at a time may use a state; calls with different states may run at once.  Results are",
            f"the same bits whatever the number of threads.  The code is for {processor}.",
        ]
    )


def _statuses(prefix: str) -> str:
    name = prefix.upper()
    rows = [f"    {name}_{status} = {number}, /* {text} */" for number, (status, text) in enumerate(STATUSES.items())]
    return "\n".join([f"enum {prefix}_status {{", *rows, "};"])


def _state(prefix: str, variables: Sequence[CVariable]) -> str:
    kept = ["The variables of the functions, and their working memory."]
    if variables:
        kept += ["", *(f"    {v.name:<24} {v.array.dtype.name} {v.shape_text}" for v in variables)]
    parts = [
        _declaration(kept, f"typedef struct {prefix}_state {prefix}_state;"),
        _declaration(_creation(variables), f"int {prefix}_create({prefix}_state **state, int threads);"),
        _declaration(["Gives a state back, which may be NULL."], f"void {prefix}_destroy({prefix}_state *state);"),
    ]
    if variables:
        parts += [_declaration(lines, accessor(prefix, name) + ";") for name, lines in _ACCESSORS.items()]
    message = "What was wrong in the last call with a state, in a sentence; empty where all was well."
    parts += [
        _declaration([message], f"const char *{prefix}_message(const {prefix}_state *state);"),
        _declaration(["What a status means, in a sentence."], f"const char *{prefix}_describe(int status);"),
    ]
    return "\n\n".join(parts)


_ACCESSORS = {
    "load": [
        "The values of all variables from a file that numpy.savez or weft.nn.save wrote, .npz, by their names.  What",
        "else is in it is passed over; a file that does not fit changes nothing.",
    ],
    "save": ["The values of all variables to such a file, which is written beside its place and then put there."],
    "get": [
        "The elements of a variable, which stay there until the next call with the state; its sizes go to shape,",
        "unless that is NULL.  NULL where it has no value, or there is none of that name.",
    ],
    "set": [
        "Copies elements to a variable; NULL stands for zeros.  The sizes are those of the list above, where a name",
        "stands for any number.",
    ],
}


def _declaration(lines: Sequence[str], text: str) -> str:
    return f"{_comment(lines)}\n{text}"


def _creation(variables: Sequence[CVariable]) -> list[str]:
    if not variables:
        values = "."
    elif all(v.initial is not None for v in variables):
        values = ", whose variables have the values that they had when the file was written."
    else:
        values = ", whose variables have no values before some are loaded."
    return [
        f"A new state{values}",
        "Calls with it share their work among so many threads at most, 1 or more.  *state is NULL where there is none.",
    ]


def _function(prefix: str, f: CFunction, offered: str) -> str:
    lines = [f"{f.function.name}, for {offered}."]
    for title, is_result in (("reads", False), ("writes", True)):
        listed = [a for a in f.arrays if a.is_result == is_result]
        if listed:
            lines += ["", f"It {title}", *(_line(f, a) for a in listed)]
    changed = [node.name or "a variable" for node, _ in f.function.source.updates]
    if changed:
        lines += ["", f"It changes {', '.join(changed)}."]
    head = f"int {f.name}("
    return f"{_comment(lines)}\n{head}{_break([f'{prefix}_state *state', *f.parameters], len(head))});"


def _line(f: CFunction, array: CArray) -> str:
    return f"    {array.name:<16} {array.dtype.name} {f.shape(array)}"


def _break(parameters: Sequence[str], indent: int) -> str:
    """Parameters in lines of up to 110 characters."""
    lines = [""]
    for number, parameter in enumerate(parameters):
        text = parameter + ", " * (number < len(parameters) - 1)
        if indent + len(lines[-1]) + len(text) > 110 and lines[-1]:
            lines.append("")
        lines[-1] += text
    return ("\n" + " " * indent).join(line.rstrip() for line in lines)
