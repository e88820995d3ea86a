"""What Numba's Python lacks: memory at an address."""

from typing import Any

import numba
from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic


@intrinsic
def pointer(typingctx: Any, address: Any, like: Any) -> Any:
    """`pointer(address, np.float32)`: a typed pointer, read and written as p[i], without bounds."""
    element = like.dtype

    def emit(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        return builder.inttoptr(args[0], context.get_value_type(signature.return_type))

    return types.CPointer(element)(types.int64, like), emit
