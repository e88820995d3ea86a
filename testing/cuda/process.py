"""Checks in a process of their own: one that breaks the device, hangs or crashes takes no other with it."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
import time
import traceback
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple, TextIO

from ...symbolic.errors import LoweringError, WeftError
from .check import DeviceCheck, DeviceSetting
from .checks import all_checks
from .machine import describe_device


class CheckResult(NamedTuple):
    """What came of a check; `error` is empty where all is as it should be."""

    check: DeviceCheck
    seconds: float
    error: str = ""
    trace: str = ""


class CheckProcess:
    """`python -m weft.testing.cuda --worker`, which runs these checks one by one, and ends where its device is broken.

    Raises LoweringError where there is no device.
    """

    def __init__(self, setting: DeviceSetting, checks: Sequence[DeviceCheck], limit: float):
        command = [sys.executable, "-m", __package__, "--worker"]
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.limit, self.has_timed_out = limit, False
        self.checks = {str(check): check for check in checks}
        assert self.process.stdin is not None
        with self.process.stdin as questions:
            json.dump({"target": setting.target, "small": setting.small, "names": list(self.checks)}, questions)
        greeting = self._answer() or {"error": "The process that runs the checks does not start."}
        if "error" in greeting:
            self._end()
            raise LoweringError(greeting["error"])
        self.description: str = greeting["device"]

    def _answer(self) -> dict[str, Any] | None:
        """What the process says next; None where it says no more."""
        assert self.process.stdout is not None
        timer = threading.Timer(self.limit, self._stop)
        timer.start()
        line = self.process.stdout.readline()
        timer.cancel()
        found: dict[str, Any] | None = json.loads(line) if line else None
        return found

    def _stop(self) -> None:
        self.has_timed_out = True
        self.process.kill()

    def results(self) -> Iterator[CheckResult]:
        """What came of the checks that it ran, the last of which may have ended it."""
        while (begun := self._answer()) is not None:
            check, at = self.checks[begun["begins"]], time.perf_counter()
            answer = self._answer()
            if answer is None:
                yield CheckResult(check, time.perf_counter() - at, self._end())
                return
            yield CheckResult(check, answer["seconds"], answer["error"], answer["trace"])
        self._end()

    def _end(self) -> str:
        """Why it has ended."""
        code = self.process.wait()
        if self.process.stdout is not None:
            self.process.stdout.close()
        return f"It took longer than {self.limit:.0f} s." if self.has_timed_out else f"Its process ended with {code}."


def run_checks(setting: DeviceSetting, checks: Sequence[DeviceCheck], limit: float) -> Iterator[str | CheckResult]:
    """The device's description, then what came of each check.  Raises LoweringError where there is no device."""
    waiting, greeted = list(checks), False
    while waiting:
        process, before = CheckProcess(setting, waiting, limit), len(waiting)
        if not greeted:
            yield process.description
            greeted = True
        for result in process.results():
            waiting.remove(result.check)
            yield result
        if len(waiting) == before:
            raise LoweringError("The process that runs the checks ends before it has run one.")


# ---- the side that runs them ---------------------------------------------------------------------------------------


def run_check(check: DeviceCheck, setting: DeviceSetting) -> CheckResult:
    """Run one here."""
    begun = time.perf_counter()
    try:
        check.run(setting)
    except Exception as error:  # whatever it is, the others run
        shown = str(error).strip().partition("\n")[0] or type(error).__name__
        text = shown if isinstance(error, WeftError) else f"{type(error).__name__}: {shown}"
        return CheckResult(check, time.perf_counter() - begun, text, traceback.format_exc())
    return CheckResult(check, time.perf_counter() - begun)


def serve() -> None:
    """Run the checks that standard input names, and say what came of each, a line of JSON before and after it."""
    answers, sys.stdout = sys.stdout, sys.stderr  # whatever is printed meanwhile is no answer
    asked = json.load(sys.stdin)
    setting, names = DeviceSetting(asked["target"], asked["small"]), set(asked["names"])
    try:
        _say(answers, device=describe_device(setting))
    except WeftError as error:
        _say(answers, error=str(error))
        return
    for check in all_checks():
        if str(check) in names:
            _say(answers, begins=str(check))
            result = run_check(check, setting)
            _say(answers, seconds=result.seconds, error=result.error, trace=result.trace)
            if result.error and not _works(setting):
                return


def _say(answers: TextIO, **facts: Any) -> None:
    print(json.dumps(facts), file=answers, flush=True)


def _works(setting: DeviceSetting) -> bool:
    """Whether the device still does; after a wrong access it refuses all that this process asks of it."""
    try:
        setting.device().synchronize()
    except WeftError:
        return False
    return True
