"""Sums, means and extremes over axes."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod

from weft.host.opencl.lowering import Lowering
from weft.host.opencl.movement import transposed
from weft.host.opencl.rows import row_group
from weft.host.opencl.sources import source
from weft.host.opencl.tensor import C_TYPES, Tensor

#: Start, fold of `all` and `x`, and what is made of the result.
FOLDS = {
    "sum": ("0", "all + x", "all"),
    "mean": ("0", "all + x", "all / count"),
    "l2": ("0", "all + x * x", "sqrt(all)"),
    "square": ("0", "all + x * x", "all"),
    "l1": ("0", "all + fabs(x)", "all"),
    "product": ("1", "all * x", "all"),
    "max": ("lowest", "(x > all || x != x ? x : all)", "all"),
    "min": ("highest", "(x < all || x != x ? x : all)", "all"),
}
#: What a maximum and a minimum of nothing are, as OpenCL C calls it (ONNX operators ReduceMax and ReduceMin).
ENDS = {
    "float": {"lowest": "-INFINITY", "highest": "INFINITY"},
    "int": {"lowest": "INT_MIN", "highest": "INT_MAX"},
    "long": {"lowest": "LONG_MIN", "highest": "LONG_MAX"},
    "char": {"lowest": "CHAR_MIN", "highest": "CHAR_MAX"},
    "uchar": {"lowest": "0", "highest": "UCHAR_MAX"},
    "short": {"lowest": "SHRT_MIN", "highest": "SHRT_MAX"},
    "ushort": {"lowest": "0", "highest": "USHRT_MAX"},
}


def reduced(lowering: Lowering, taken: Tensor, axes: Sequence[int], kind: str) -> Tensor:
    """NumPy's sum, mean, max and so on over `axes`, which vanish."""
    kept = [axis for axis in range(len(taken.shape)) if axis not in axes]
    shape = tuple(taken.shape[axis] for axis in kept)
    first, last = (min(axes), max(axes)) if axes else (len(kept), len(kept) - 1)
    if list(axes) and sorted(axes) != list(range(first, last + 1)):
        taken, first, last = transposed(lowering, taken, [*kept, *sorted(axes)]), len(kept), len(taken.shape) - 1
    count, inner = prod(taken.shape[first : last + 1]), prod(taken.shape[last + 1 :])
    result = lowering.allocate(shape, taken.dtype)
    start, fold, end = FOLDS[kind]
    ctype = C_TYPES[taken.dtype]
    group = row_group(lowering.context, count) if inner == 1 and kind in ("sum", "mean") else 1
    text = source("reduce.cl.j2", type=ctype, start=ENDS[ctype].get(start, start), fold=fold, end=end, group=group)
    arguments, outer = (result, taken, count, inner), result.size // inner if inner else 0
    if inner == 1:
        lowering.launch(text, "reduce", arguments, (group, outer), (group, 1))
    else:
        lowering.launch_elements(text, "reduce", arguments, inner, outer)
    return result
