"""weft as users have it: a wheel of this checkout, in a virtual environment of its own."""

import shutil
import subprocess
import sys
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parents[1]
_LEFT_OUT = shutil.ignore_patterns(".git", ".venv", "build", "dist", "out", "__pycache__", "*.egg-info", ".*_cache")


def installed_wheel(folder: Path) -> str:
    """Build it below this folder; the interpreter that has it.  What it needs, pip gets."""
    source, environment = folder / "source", folder / "environment"
    shutil.copytree(CHECKOUT, source, ignore=_LEFT_OUT)  # the build leaves files where it runs
    _run(sys.executable, "-m", "venv", str(environment))
    python = str(environment / "bin" / "python")
    _run(python, "-m", "pip", "wheel", "--quiet", "--no-deps", "--wheel-dir", str(folder), str(source))
    (wheel,) = folder.glob("*.whl")
    _run(python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", str(wheel))
    return python


def _run(*command: str) -> None:
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    if done.returncode:
        raise RuntimeError(f"{' '.join(command)} failed:\n{done.stdout[-4000:]}")
