"""The image of a convolution as a piece that stays in shared memory: for windows that overlap.

A tile's columns are places of out: all of some rows of one image, or all of some images.  The piece of x that they
read, with its borders and all channels, is copied once; element (k, n) then stands at offset(k) + offset(n) of it.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

from ....symbolic.types import FLOAT32, DType
from ...lowering.convolution import Convolution
from ..launch import GridPlan, Processor
from ..trace.builder import INT32, KernelBuilder, place_type
from ..trace.division import divisor_numbers
from ..trace.kernel import TracedKernel, TraceRef
from . import tiles
from .gemm import BlockTile, Frame, compute
from .geometry import Weights, find_weights, has_pairs, out_numbers
from .matmul import plan_product
from .numbers import DIVISOR, Numbers, as_place, split_index
from .operands import Fragments, Staging
from .tiles import Choice, ProductSize, Tile
from .window import DepthTable, PlaceWriter, TapAddresses, conv_parameters

_ONE_BY_ONE = 1.5  # how much longer it takes to find elements of x one by one
_ROUND = 1 << 10  # elements of a piece: kernels are made for multiples of it
_PLANE_AXES = (1, 2)  # rows and columns, of three spatial axes
_NUMBERS, _DIVISORS = 12, 8  # that `PatchFragments` takes


class PatchShape(NamedTuple):
    """A tile's places are `rows` rows of each of `images` images; their piece of x is one plane for each channel.

    bands : so many tiles make up the rows of an image
    piece_rows, pitch : rows of an image's piece, and elements from one to the next
    left : elements before the first column of x
    width : elements that are copied at once
    """

    images: int
    rows: int
    bands: int
    piece_rows: int
    pitch: int
    left: int
    width: int

    @property
    def plane(self) -> int:
        """Elements of a channel."""
        return self.images * self.piece_rows * self.pitch


class PatchCode(NamedTuple):
    """What decides on the code of such a convolution; `size`: elements of the piece."""

    frame: Frame
    weights: Weights
    width: int
    size: int
    pairs: bool
    wide: bool


def plan_patch(problem: Convolution, wide: bool, processor: Processor) -> GridPlan | None:
    """The launch, if there is a tile whose piece fits into shared memory, and the way is worth it."""
    p = problem
    flat = p.size[0] == p.kernel[0] == p.image[0] == 1 and p.before[0] == 0
    if not flat or max(p.x_dilation) > 1 or p.dtype != "float32" or processor.architecture < 80:
        return None
    exact = processor.precision == "float32"
    candidates = tiles.TENSOR_TILES if exact else tiles.ROUNDED_TILES
    rate = tiles.EXACT_RATE if exact else tiles.ROUNDED_RATE
    found = [pair for tile in candidates if (pair := _choose(p, tile, rate, processor))]
    if not found:
        return None
    choice, shape = min(found, key=lambda pair: pair[0].cycles)
    size = ProductSize(p.o, p.n * math.prod(p.size), p.depth, p.groups)
    if choice.cycles > _ONE_BY_ONE * tiles.choose(size, candidates, rate, processor.multiprocessors).cycles:
        return None
    return _plan(p, wide, Frame("float32", "tf32x3" if exact else "tf32", choice.tile, False, True), choice, shape)


def _choose(p: Convolution, tile: Tile, rate: float, processor: Processor) -> tuple[Choice, PatchShape] | None:
    """How a tile of these sizes would be used, and what that takes; None where it cannot be."""
    if p.size[2] > tile.columns:
        return None
    shape = _find_shape(p, tile)
    piece = _piece_size(p, shape, tile)
    weights = tile.stages * max(tile.rows * (tile.depth + 4), tile.depth * (tile.rows + 8))
    tables = 2 * tile.depth * (tile.stages + 1)
    if 4 * (piece + weights + tables) > tiles.shared_bytes(processor.architecture):
        return None
    size = _product_size(p, shape, tile)
    blocks = math.ceil(p.o / tile.rows) * (size.n // tile.columns) * p.groups
    cycles = tiles.estimate(size, tile, 1, rate, processor.multiprocessors)
    return Choice(tile, 1, cycles + tiles.copy_cycles(blocks * piece, processor.multiprocessors)), shape


def _find_shape(p: Convolution, tile: Tile) -> PatchShape:
    (_, rows, columns), (_, y_stride, x_stride) = p.size, p.stride
    fitting = min(rows, tile.columns // columns)
    bands = math.ceil(rows / fitting)
    fitting = math.ceil(rows / bands)
    images = min(p.n, tile.columns // (rows * columns)) if bands == 1 else 1
    piece_rows = (fitting - 1) * y_stride + (p.kernel[1] - 1) * p.w_dilation[1] + 1
    width = _copy_width(p)
    left = _round_up(max(0, p.before[2]), width)
    reach = (columns - 1) * x_stride + (p.kernel[2] - 1) * p.w_dilation[2] - p.before[2] + 1
    right = _round_up(max(0, reach - p.image[2]), width)
    return PatchShape(images, fitting, bands, piece_rows, left + p.image[2] + right, left, width)


def _copy_width(p: Convolution) -> int:
    """How many elements of x may be copied at once."""
    multiples = (p.image[2], p.x.offset, p.x.group, *p.x.axes, p.x.space[1])
    return 4 if p.x.space[2] == 1 and all(number % 4 == 0 for number in multiples) else 1


def _round_up(number: int, multiple: int) -> int:
    return -(-number // multiple) * multiple


def _piece_size(p: Convolution, shape: PatchShape, tile: Tile) -> int:
    """Elements of the piece, with a plane of zeros where the last k tile is not full."""
    return _round_up((p.c + (p.depth % tile.depth > 0)) * shape.plane, _ROUND)


def _product_size(p: Convolution, shape: PatchShape, tile: Tile) -> ProductSize:
    """Sizes of the product with columns that hold no place."""
    return ProductSize(p.o, math.ceil(p.n / shape.images) * shape.bands * tile.columns, p.depth, p.groups)


def _plan(p: Convolution, wide: bool, frame: Frame, choice: Choice, shape: PatchShape) -> GridPlan:
    weights, numbers = find_weights(p)
    pairs = has_pairs(p, _PLANE_AXES)
    code = PatchCode(frame, weights, shape.width, _piece_size(p, shape, frame.tile), pairs, wide)
    numbers += [p.x.offset, p.x.group, *p.x.axes, *p.x.space[1:]]
    numbers += [p.c, p.n, *p.image[1:], *p.stride[1:], *p.before[1:], *p.w_dilation[1:], shape.left, p.size[1]]
    margin = shape.pitch - p.image[2]
    divisors = (shape.bands, shape.rows, p.size[2], *p.kernel[1:], shape.images, shape.piece_rows, max(1, margin))
    for divisor in (*divisors, p.image[2] // shape.width):
        numbers += divisor_numbers(divisor)
    numbers += [shape.pitch, *out_numbers(p, _PLANE_AXES)]
    plan = plan_product(
        TraceRef(make_patch, (code,)), frame, _product_size(p, shape, frame.tile), choice, numbers, "conv", (2, 1)
    )
    return plan._replace(way=f"{plan.way}, a piece of x in shared memory")


class PatchFragments(Fragments):
    """B(k, n) in the piece of x."""

    neighbours = False

    def __init__(self, k: KernelBuilder, source: Any, code: PatchCode, block: BlockTile, numbers: Numbers) -> None:
        self.k, self.source, self.code, self.block, self.tile = k, source, code, block, code.frame.tile
        start, group_step, self.image_step, self.channel_step, self.row_step, self.column_step = numbers.take(6)
        self.start_place = start + as_place(k, block.batch, code.wide) * group_step
        self.channels, self.images, self.height, self.width, *rest = numbers.take(_NUMBERS)
        self.strides, self.before, self.dilations = rest[:2], rest[2:4], rest[4:6]
        self.left, self.out_rows = rest[6:]
        bands, self.rows, self.columns, *rest = [numbers.divisor() for _ in range(_DIVISORS + 1)]
        self.kernel, (self.piece_images, self.piece_rows, self.margin, self.copies) = rest[:2], rest[2:]
        (self.pitch,) = numbers.take(1)
        self.image_plane = self.piece_rows.divisor * self.pitch
        self.plane = self.piece_images.divisor * self.image_plane
        number, self.band = bands.split(block.column_tile)
        self.first_image, self.first_row = number * self.piece_images.divisor, self.band * self.rows.divisor
        self.piece = k.shared_array(FLOAT32, code.size)
        self.table = DepthTable(k, self.tile, INT32)

    @staticmethod
    def parameters(wide: bool) -> list[DType]:
        """The dtypes of the numbers that it takes."""
        return [*[place_type(wide)] * 6, *[INT32] * _NUMBERS, *DIVISOR * (_DIVISORS + 1), INT32]

    # ---- the piece ------------------------------------------------------------------------------------------------

    def start(self) -> None:
        k, threads = self.k, self.tile.threads
        all_rows = self.channels * self.piece_images.divisor * self.piece_rows.divisor
        for e in k.range(k.thread, all_rows * (self.pitch - self.width), threads):
            row, column = self.margin.split(e)
            column = k.select(column < self.left, column, column + self.width)
            self.piece[row * self.pitch + column] = 0.0
        zeros = k.select(k.remainder(self.block.depth, self.tile.depth) > 0, self.plane, 0)
        for e in k.range(k.thread, zeros, threads):
            self.piece[self.channels * self.plane + e] = 0.0
        for e in k.range(k.thread, all_rows * self.copies.divisor, threads):
            self._copy(e)

    def _copy(self, number: Any) -> None:
        k, width = self.k, self.code.width
        row, column = self.copies.split(number)
        channel, image, y = split_index(row, (self.piece_images, self.piece_rows))
        image = self.first_image + image
        y = self.first_row * self.strides[0] - self.before[0] + y
        inside = (image < self.images) & (y >= 0) & (y < self.height)
        place = self.start_place
        steps = (self.image_step, self.channel_step, self.row_step, self.column_step)
        for index, step in zip((image, channel, y, column * width), steps, strict=True):
            place = place + as_place(k, index, self.code.wide) * step
        k.copy_async(self.piece, row * self.pitch + self.left + column * width, self.source, place, width, inside)

    # ---- its elements ---------------------------------------------------------------------------------------------

    def locate(self, index: Any) -> tuple[Any, Any, Any]:
        """Image, row and column of out of one of the tile's columns, counted from the tile's first."""
        image, row, column = split_index(index, (self.rows, self.columns))
        return image, row, column

    def begin(self, free: Any, offsets: Sequence[int], depth: Any) -> None:
        self.depth = depth
        self.offsets = [self._place_of(free + offset) for offset in offsets]

    def _place_of(self, index: Any) -> Any:
        """Where the first tap of a place is; of columns that hold none, that of the first."""
        image, row, column = self.locate(index)
        y, x = row * self.strides[0], column * self.strides[1] + (self.left - self.before[1])
        place = image * self.image_plane + y * self.pitch + x
        return self.k.select(image < self.piece_images.divisor, place, self.left - self.before[1])

    def values(self, index: int) -> list[Any]:
        offset, _ = self.table.read(self.depth + index)
        return [self.piece[offset + other] for other in self.offsets]

    def prepare(self, first: Any) -> None:
        k = self.k
        with k.when(k.thread < self.tile.depth):
            number = first + k.thread
            channel, y, x = split_index(number, self.kernel)
            place = channel * self.plane + y * self.dilations[0] * self.pitch + x * self.dilations[1]
            self.table.write(k.select(number < self.block.depth, place, self.channels * self.plane))
        self.table.turn(self.table.to)

    def release(self) -> None:
        self.table.turn(self.table.present)

    def issue(self, first: Any) -> None:
        pass  # the piece is there

    def fetch(self, first: Any) -> None:
        pass

    def put(self) -> None:
        pass


class _PatchWriter(PlaceWriter):
    """Writes the columns that hold a place."""

    def __init__(self, k: KernelBuilder, out: Any, code: PatchCode, numbers: Numbers, patch: PatchFragments) -> None:
        super().__init__(k, out, code.pairs, code.wide, numbers, patch.block, (patch.rows, patch.columns))
        self.patch = patch

    def column(self, index: Any) -> tuple[Any, Any]:
        b = self.patch
        image, row, column = b.locate(index)
        exists = (image < b.piece_images.divisor) & (b.first_image + image < b.images)
        exists = exists & (b.first_row + row < b.out_rows)
        return self.place((b.first_image + image, b.first_row + row, column)), exists


def make_patch(code: PatchCode) -> TracedKernel:
    """The kernel of such a convolution; sizes, strides, padding and the shape of the piece are its parameters."""
    frame, tile, wide = code.frame, code.frame.tile, code.wide
    parameters = conv_parameters(
        frame.parameters,
        TapAddresses.parameters(wide, code.weights.axes),
        PatchFragments.parameters(wide),
        PlaceWriter.parameters(wide, len(_PLANE_AXES)),
    )

    def body(k: KernelBuilder, out: Any, w: Any, x: Any, *rest: Any) -> None:
        numbers = Numbers(k, rest)
        block = BlockTile(k, tile, numbers)
        taps = TapAddresses(k, tile, wide, code.weights.axes, numbers, block)
        b = PatchFragments(k, x, code, block, numbers)
        writer = _PatchWriter(k, out, code, numbers, b)
        compute(k, frame, block, Staging(k, w, taps, code.weights.layout, tile.rows, tile, frame.sums), b, writer, [])

    return TracedKernel("conv", parameters, tile.threads, body)
