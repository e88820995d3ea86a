"""A check of a device, and what it is told: the target, and how large its arrays may be."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple, TypeVar

from ...codegen.cuda.driver.device import Device
from ...codegen.cuda.driver.devices import find_device
from ...codegen.function import Function, function
from ...symbolic.expr import Expr

T = TypeVar("T")


class DeviceSetting(NamedTuple):
    """How checks run.

    target : "cuda", "cuda:1" or "cuda:simulator"
    small : whether arrays are of the sizes for the simulator, which takes milliseconds for what a device does in
        microseconds
    """

    target: str
    small: bool

    def compile(self, inputs: Sequence[Expr], outputs: Any = None, updates: Any = None, **options: Any) -> Function:
        """A function for the target."""
        return function(inputs, outputs, updates, target=self.target, on_unused_input="ignore", **options)

    def pick(self, large: T, small: T) -> T:
        """What is used at these sizes."""
        return small if self.small else large

    def device(self) -> Device:
        """The device behind the target.  Raises LoweringError where there is none."""
        return find_device(self.target.partition(":")[2])


class DeviceCheck(NamedTuple):
    """One thing that is compared.  `run` raises where it is not as it should be."""

    group: str
    name: str
    run: Callable[[DeviceSetting], None]

    def __str__(self) -> str:
        return f"{self.group}: {self.name}"


def group_checks(group: str, checks: Mapping[str, Callable[[DeviceSetting], None]]) -> list[DeviceCheck]:
    """The checks of a group, by name."""
    return [DeviceCheck(group, name, run) for name, run in checks.items()]
