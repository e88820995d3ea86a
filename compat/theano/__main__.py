"""`python -m weft.compat.theano script.py arguments`: run a program written for Theano; -m module and -c code, too."""

import runpy
import sys
from pathlib import Path

from .modules import install

USAGE = "usage: python -m weft.compat.theano script.py [arguments]   (or: -m module [arguments], -c code)"


def main() -> None:
    """Run what the command line names, with `import theano` resolved to weft."""
    arguments = sys.argv[1:]
    if not arguments or arguments[0] in ("-h", "--help") or (arguments[0] in ("-m", "-c") and len(arguments) < 2):
        print(USAGE)
        raise SystemExit(0 if arguments[:1] in (["-h"], ["--help"]) else 2)
    install("theano")
    if arguments[0] == "-m":
        sys.argv = arguments[1:]
        runpy.run_module(arguments[1], run_name="__main__", alter_sys=True)
    elif arguments[0] == "-c":
        sys.argv = ["-c", *arguments[2:]]
        exec(compile(arguments[1], "<string>", "exec"), {"__name__": "__main__"})
    else:
        script = Path(arguments[0])
        if not script.exists():
            raise SystemExit(f"There is no file {script}.")
        sys.argv = arguments
        sys.path[0] = str(script.resolve().parent)  # as Python does
        runpy.run_path(str(script), run_name="__main__")


if __name__ == "__main__":
    main()
