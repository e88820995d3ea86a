"""`python -m weft.codegen.cpu.ahead`: make the object code that is shipped with weft."""

import argparse
import time
from pathlib import Path

from ..run.processor import KINDS
from .build import build, build_one, usual_kinds
from .objects import HOME


def main() -> None:
    """Read the arguments, and build."""
    parser = argparse.ArgumentParser(prog=f"python -m {__package__}", description=__doc__)
    parser.add_argument(
        "--out", type=Path, default=HOME, metavar="FOLDER", help="where it is put; default: %(default)s"
    )
    parser.add_argument("--kinds", default=",".join(usual_kinds()), help="of processors; default: %(default)s")
    parser.add_argument("--one", choices=KINDS, help="one kind alone, in this process")
    given = parser.parse_args()
    if not given.one:
        build(given.out, given.kinds.split(","))
        return
    begun = time.perf_counter()
    count = build_one(given.one, given.out)
    print(f"{given.one}: {count} functions in {time.perf_counter() - begun:.0f} s", flush=True)


main()
