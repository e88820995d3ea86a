"""The other libraries with arrays on a device, as far as they are installed and see one; None stands for the others."""

from __future__ import annotations

from typing import Any

torch: Any = None
cupy: Any = None
jax: Any = None

try:
    import torch  # type: ignore[no-redef]

    torch = torch if torch.cuda.is_available() else None
except (ImportError, OSError, RuntimeError):
    torch = None
try:
    import cupy  # type: ignore[no-redef]

    cupy = cupy if cupy.cuda.is_available() else None
except (ImportError, OSError, RuntimeError):
    cupy = None
try:
    import jax  # type: ignore[no-redef]

    jax = jax if any(device.platform == "gpu" for device in jax.devices()) else None
except (ImportError, OSError, RuntimeError):
    jax = None
