"""What a device computes, check by check: those of `python -m weft.testing.cuda`, for `pytest -m cuda`."""

import pytest

from weft.symbolic.errors import LoweringError
from weft.testing.cuda.check import DeviceSetting
from weft.testing.cuda.checks import all_checks

SETTING = DeviceSetting("cuda", False)
pytestmark = pytest.mark.cuda


@pytest.fixture(scope="module")
def _device():
    try:
        SETTING.device()
    except LoweringError as error:
        pytest.skip(str(error))


@pytest.mark.usefixtures("_device")
@pytest.mark.parametrize("check", all_checks(), ids=str)
def test_a_device_computes_what_it_should(check):
    check.run(SETTING)
