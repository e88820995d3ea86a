"""The build of weft: setuptools, with the object code of kernels made before a wheel is packed.

A wheel brings the kernels of usual networks as object code, for three kinds of processors, so that a machine that has
never run weft does not compile them (docs/decisions/0021).  An editable install does without: there they are compiled
when they are first used, and kept.  WEFT_BUILD_KINDS names other kinds, separated by commas; empty, it makes none.
"""

import os
import shutil
import subprocess
import sys
import tempfile
import tomllib
from pathlib import Path

from setuptools import build_meta
from setuptools.build_meta import *  # noqa: F403 - the hooks that stay as they are

ROOT = Path(__file__).resolve().parents[1]
OBJECTS = ROOT / "codegen" / "cpu" / "ahead" / "objects"


def get_requires_for_build_wheel(config_settings=None):
    """What has to be installed before a wheel is built: weft runs then."""
    found = build_meta.get_requires_for_build_wheel(config_settings)
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    return found if _options() is None else [*found, *project["dependencies"]]


def build_wheel(wheel_directory, config_settings=None, metadata_directory=None):
    """A wheel that has the object code; the checkout is left as it was."""
    options = _options()
    if options is None:
        return build_meta.build_wheel(wheel_directory, config_settings, metadata_directory)
    try:
        _make_objects(options)
        return build_meta.build_wheel(wheel_directory, config_settings, metadata_directory)
    finally:
        shutil.rmtree(OBJECTS, ignore_errors=True)


def _options():
    """How the object code is made; None where none is wanted."""
    kinds = os.environ.get("WEFT_BUILD_KINDS")
    return None if kinds == "" else ["--kinds", kinds] if kinds else []


def _make_objects(options):
    """Run the package where it lies: the checkout is the package, whatever its folder is called."""
    with tempfile.TemporaryDirectory() as folder:
        os.symlink(ROOT, os.path.join(folder, "weft"))
        # in front of what is there: an isolated build finds its packages by the same variable
        path = os.pathsep.join([folder, *filter(None, [os.environ.get("PYTHONPATH")])])
        environment = {**os.environ, "PYTHONPATH": path, "PYTHONDONTWRITEBYTECODE": "1"}
        command = [sys.executable, "-m", "weft.codegen.cpu.ahead", "--out", str(OBJECTS), *options]
        subprocess.run(command, env=environment, check=True)
