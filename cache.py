"""The folder of compiled code: what is in it, and how to make it smaller.

    python -m weft.cache                  the folder, its entries, their bytes, the limit, the oldest entry
    python -m weft.cache prune            remove what was used longest ago, until the limit is kept
    python -m weft.cache prune 100000000  ... until 100 million bytes are
    python -m weft.cache clear            remove all entries

WEFT_CACHE_DIR names another folder, WEFT_CACHE_BYTES another limit; both are read when a program runs, too.  All that
removing an entry costs is the time to compile it again.
"""

import argparse
import sys
import time

from .codegen import cache, upkeep
from .codegen.private_folder import PrivateFolder, Untrusted
from .symbolic.errors import ArgumentError


def main(arguments: list[str] | None = None) -> int:
    """Run a command; 0, or 1 where the folder cannot be used, 2 where the command or the environment is wrong."""
    options = _parser().parse_args(arguments)
    try:
        place, most = cache.folder(), cache.limit()
        if place is None:
            print("Nothing is kept: there is no home folder, and WEFT_CACHE_DIR is not set.")
            return 0
        print(f"folder   {place}")
        with PrivateFolder(str(place)) as top:
            _run(options, top, most)
    except ArgumentError as error:
        print(error, file=sys.stderr)
        return 2
    except FileNotFoundError:
        print("entries  0: nothing was compiled yet, or nothing can be kept.")
    except Untrusted as error:
        print(cache.distrust(str(error)), file=sys.stderr)
        return 1
    except OSError as error:
        print(f"The folder cannot be used: {error}.", file=sys.stderr)
        return 1
    return 0


def _run(options: argparse.Namespace, top: PrivateFolder, most: int) -> None:
    if options.command == "prune":
        upkeep.sweep(top, upkeep.HOUR_SECONDS)
        print(f"removed  {upkeep.prune(top, most if options.bytes is None else options.bytes)}")
    elif options.command == "clear":
        print(f"removed  {upkeep.clear(top)}")
    found = sorted(upkeep.entries(top))
    print(f"entries  {len(found)}")
    print(f"bytes    {sum(entry.size for entry in found):,}")
    print(f"limit    {most:,}")
    if found:
        print(f"oldest   used {time.strftime('%Y-%m-%d', time.localtime(found[0].used))}")


def _parser() -> argparse.ArgumentParser:
    form = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser("python -m weft.cache", description=__doc__, formatter_class=form)
    commands = parser.add_subparsers(dest="command", title="commands")
    prune = commands.add_parser("prune", help="remove the entries that were used longest ago, until the limit is kept")
    prune.add_argument("bytes", nargs="?", type=_bytes, metavar="BYTES", help="how many to keep instead of the limit")
    commands.add_parser("clear", help="remove all entries")
    return parser


def _bytes(text: str) -> int:
    if not (text.isascii() and text.isdecimal()):
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number of bytes, 0 or more")
    return int(text)


if __name__ == "__main__":
    sys.exit(main())
