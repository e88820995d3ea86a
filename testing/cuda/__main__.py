"""python -m weft.testing.cuda [--target cuda:1] [--only matmul,loops] [--small] [--list]

Compares what a device computes with the NumPy references and with the CPU: ops, loops, random numbers, variables,
refusals, transfers, threads, products and convolutions of many shapes, and steps of training.  Goes on after a failure.
The exit status is 1 where anything failed, or where there is no device.
"""

from __future__ import annotations

import argparse
import sys
from collections import defaultdict
from collections.abc import Sequence

from ...symbolic.errors import LoweringError
from .check import DeviceSetting
from .checks import choose
from .process import CheckResult, run_checks, serve

_LIMIT_S = 600.0  # for one check; on a device the slowest takes a tenth of it


def _arguments(given: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m weft.testing.cuda",
        description=(__doc__ or "").partition("\n")[2],
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--target", default="cuda", help='"cuda", "cuda:1", or "cuda:simulator"')
    parser.add_argument("--only", default="", help="parts of names, separated by commas")
    parser.add_argument(
        "--small",
        action=argparse.BooleanOptionalAction,
        help="the sizes for the simulator, where they are the default",
    )
    parser.add_argument("--list", action="store_true", help="print the names of the checks")
    parser.add_argument("--limit", type=float, default=_LIMIT_S, help="seconds that one check may take")
    parser.add_argument("--worker", action="store_true", help=argparse.SUPPRESS)
    return parser.parse_args(given)


def main(given: Sequence[str] | None = None) -> int:
    """Run the checks, print what came of them, and return the exit status."""
    args = _arguments(given)
    if args.worker:
        serve()
        return 0
    chosen = choose(args.only)
    if args.list:
        print(*chosen, sep="\n")
        return 0
    small = args.target.endswith("simulator") if args.small is None else args.small
    results, width = list[CheckResult](), max((len(str(check)) for check in chosen), default=0)
    try:
        for found in run_checks(DeviceSetting(args.target, small), chosen, args.limit):
            if isinstance(found, str):
                print(found, end="\n\n", flush=True)
            else:
                results.append(found)
                _print_row(found, width)
    except LoweringError as error:
        print(error)
        return 1
    _print_end(results)
    return int(len(results) < len(chosen) or any(result.error for result in results) or not chosen)


def _print_row(result: CheckResult, width: int) -> None:
    state = "failed" if result.error else "ok"
    print(f"{result.check!s:<{width}}  {state:<6}  {result.seconds:7.2f} s  {result.error}".rstrip(), flush=True)


def _print_end(results: Sequence[CheckResult]) -> None:
    """How long each group took, how many checks failed, and the traceback of each that did."""
    groups: dict[str, list[CheckResult]] = defaultdict(list)
    for result in results:
        groups[result.check.group].append(result)
    print()
    for group, members in groups.items():
        failed = sum(bool(result.error) for result in members)
        seconds = sum(result.seconds for result in members)
        print(f"{group:<12}  {len(members) - failed:3d} ok  {failed:3d} failed  {seconds:7.1f} s")
    wrong = [result for result in results if result.error]
    print(f"\n{len(results) - len(wrong)} of {len(results)} checks are as they should be.")
    for result in wrong:
        print(f"\n==== {result.check}\n{result.trace or result.error}")


if __name__ == "__main__":
    sys.exit(main())
