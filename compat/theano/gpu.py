"""theano.gpuarray: imports, and says that there is no GPU, as Theano does where there is none."""

from __future__ import annotations

from typing import Any

from ...symbolic.errors import blame, user_site
from .op import Op

pygpu_activated = False
pygpu = None
_REASON = "weft.compat.theano runs on the CPU"


def _question(what: str) -> Any:
    def ask(context_name: Any = None) -> bool:
        return False

    ask.__name__, ask.__doc__ = what, "False: there is none."
    ask.msg = f"cuDNN is not available: {_REASON}."  # type: ignore[attr-defined]
    return ask


dnn_present, dnn_available = _question("dnn_present"), _question("dnn_available")
dnn_present.avail = dnn_available.avail = False


def version(raises: bool = True) -> int:
    """The version of cuDNN.  Raises RuntimeError: there is none; -1 with raises=False."""
    if raises:
        raise blame(
            RuntimeError(f"We can't determine the cudnn version as it is not available: {_REASON}."), user_site()
        )
    return -1


def list_contexts() -> list[Any]:
    """The GPUs that are in use: none."""
    return []


class ContextNotDefined(ValueError):
    """A GPU that is not there."""


def get_context(name: Any = None) -> Any:
    """A GPU.  Raises ContextNotDefined: there is none."""
    raise blame(ContextNotDefined(f"context name {name} not defined: {_REASON}."), user_site())


def use(device: Any, *args: Any, **options: Any) -> None:
    """Move to a GPU.  Raises RuntimeError: there is none."""
    raise blame(RuntimeError(f"The GPU {device!r} is not available: {_REASON}."), user_site())


init_dev = use


class GpuOp(Op):
    """An op of a GPU, which can be asked for and not be applied."""

    def __init__(self, *args: Any, **options: Any) -> None:
        name = type(self).__name__
        what = "cuDNN" if "dnn" in name.lower() else "a GPU"
        hint = "use the function of theano.tensor, which runs on the CPU."
        raise blame(RuntimeError(f"{name} needs {what}, which is not available: {_REASON}."), user_site(), hint=hint)


_NAMES = """
dnn_conv dnn_conv2d dnn_conv3d dnn_gradweight dnn_gradinput dnn_pool dnn_spatialtf dnn_batch_normalization_train
dnn_batch_normalization_test RNNBlock GpuDnnConv GpuDnnConvGradW GpuDnnConvGradI GpuDnnConvDesc GpuDnnPool
GpuDnnPoolDesc GpuDnnPoolGrad GpuDnnSoftmax GpuDnnSoftmaxGrad GpuDnnBatchNorm GpuDnnReduction GpuDnnTransformerGrid
gpu_contiguous as_gpuarray_variable as_cuda_ndarray_variable gpu_from_host host_from_gpu gpu_alloc gpu_alloc_empty
infer_context_name GpuContiguous GpuFromHost HostFromGpu GpuToGpu GpuAlloc GpuAllocEmpty GpuKernelBase GpuReshape
GpuJoin GpuSplit GpuEye GpuElemwise GpuDimShuffle GpuCAReduceCuda GpuCAReduceCPY GpuSubtensor GpuIncSubtensor
GpuAdvancedSubtensor1 GpuAdvancedIncSubtensor1 GpuGemm GpuGemv GpuGer GpuDot22 GpuGemmBatch GpuCorrMM
GpuCorrMM_gradInputs GpuCorrMM_gradWeights GpuCorr3dMM GpuCorr3dMM_gradInputs GpuCorr3dMM_gradWeights GpuSoftmax
GpuSoftmaxWithBias GpuCrossentropySoftmaxArgmax1HotWithBias GpuImages2Neibs GpuPool GpuMaxPoolGrad GpuCumOp
GpuArrayType GpuArrayVariable GpuArrayConstant GpuArraySharedVariable gpuarray_shared_constructor GpuTopKOp GpuSortOp
GPUA_mrg_uniform gpu_cholesky gpu_solve gpu_svd gpu_matrix_inverse gpu_qr GpuCholesky GpuCusolverSolve
""".split()  # noqa: SIM905

for _name in _NAMES:
    globals()[_name] = type(_name, (GpuOp,), {"__module__": __name__, "__doc__": "Not available: it needs a GPU."})
