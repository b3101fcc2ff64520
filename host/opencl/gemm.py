"""Matrix products on the device: which kernel, cut how, over which operands."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from weft.host.opencl.lowering import Lowering
from weft.host.opencl.sources import source
from weft.host.opencl.tensor import C_TYPES, Tensor
from weft.host.opencl.tiles import StripTile, Tile

Bias = Literal["", "row", "column"]


EXACT = 256  # products of integers between -255 and 255 whose sum a float holds exactly
THIN = 4  # rows, up to which a product reads its right side straight from where it lies


@dataclass(frozen=True)
class Matrices:
    """A batch of matrices in a tensor: element strides of rows and columns, and batch z reads matrix
    `z // each % count`, `step` elements from the one before it. `packed` ones are `in_strips` of `row` columns."""

    tensor: Tensor
    row: int
    column: int
    each: int = 1
    count: int = 1
    step: int = 0
    packed: bool = False

    @property
    def numbers(self) -> tuple[int, ...]:
        """What the kernel takes."""
        return self.row, self.column, self.each, self.count, self.step


@dataclass(frozen=True)
class Window:
    """A convolution's window over images of height x width, with their padding (gemm_arguments.cl.j2)."""

    height: int
    width: int
    out_width: int
    window: tuple[int, int]
    strides: tuple[int, int]
    dilations: tuple[int, int]

    @property
    def numbers(self) -> tuple[int, ...]:
        """What the kernel takes."""
        return self.height, self.width, self.out_width, *self.window, *self.strides, *self.dilations


@dataclass(frozen=True)
class Size:
    """`batch` products of m x k with k x n."""

    batch: int
    m: int
    n: int
    k: int


def multiply(
    lowering: Lowering,
    left: Matrices,
    right: Matrices,
    size: Size,
    result: Tensor,
    *,
    window: Window | None = None,
    bias: Tensor | None = None,
    bias_along: Bias = "",
    relu: bool = False,
    tile: Tile | None = None,
) -> None:
    """result[z] = left[z] @ right[z] (+ bias) (then max(., 0)), float32; `window` makes `right` images to convolve,
    and `tile` replaces the device's own. With an int32 `result` (and bias) `left` and `right` hold integers between
    -255 and 255 as float32, and nothing is rounded."""
    kind = "image" if window is not None else _kind(right)
    total = C_TYPES[result.dtype]
    parameters = {"b_kind": kind, "bias": bias_along, "relu": relu, "total": total}
    tile = tile or lowering.context.profile.tile
    if isinstance(tile, StripTile) and total == "int":
        tile = replace(tile, depth=min(tile.depth, EXACT))
    elif isinstance(tile, StripTile) and kind in ("rows", "packed") and size.m <= THIN:
        _multiply_thin(lowering, left, right, size, result, bias, bias_along, relu)
        return
    columns, rows = tile.columns, tile.rows(size.m, size.n, size.batch, lowering.context.units)
    arguments = (
        *(left.tensor, right.tensor, result),
        *(() if bias is None else (bias,)),
        *(size.m, size.n, size.k),
        *left.numbers,
        *right.numbers,
        *(() if window is None else window.numbers),
        rows,
    )
    groups = (-(-size.n // columns), -(-size.m // rows), size.batch)
    side = 1 if isinstance(tile, StripTile) else 16
    lowering.launch(
        source(tile.template, **parameters, **tile.parameters),
        "gemm",
        arguments,
        (groups[0] * side, groups[1] * side, groups[2]),
        (side, side, 1),
    )


def _kind(right: Matrices) -> str:
    return "packed" if right.packed else "rows" if right.column == 1 else "strided"


def in_strips(matrix: NDArray[Any], columns: int) -> NDArray[Any]:
    """A k x n matrix as strips of `columns` columns (n / columns, k, columns), zeros behind: as processors read it."""
    depth, width = matrix.shape
    filled = np.pad(matrix, ((0, 0), (0, -width % columns)))
    return np.ascontiguousarray(filled.reshape(depth, -1, columns).swapaxes(0, 1))


def _multiply_thin(
    lowering: Lowering,
    left: Matrices,
    right: Matrices,
    size: Size,
    result: Tensor,
    bias: Tensor | None,
    bias_along: Bias,
    relu: bool,
) -> None:
    """The same of so few rows that reading the right side is all the work."""
    tile = 1 << max(size.m - 1, 0).bit_length()
    vectors = right.row // 8 if right.packed else 2 if size.n < 64 else max(8 // tile, 2)
    groups = (-(-size.n // (8 * vectors)), size.batch)
    lowering.launch(
        source(
            "gemm_thin.cl.j2",
            b_kind=_kind(right),
            bias=bias_along,
            relu=relu,
            total="float",
            tile=tile,
            vectors=vectors,
        ),
        "gemm",
        (
            *(left.tensor, right.tensor, result),
            *(() if bias is None else (bias,)),
            *(size.m, size.n, size.k),
            *left.numbers,
            *right.numbers,
        ),
        groups,
        (1, 1),
    )
