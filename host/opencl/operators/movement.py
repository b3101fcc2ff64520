"""Operators that only move values, or only change how they are read."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod

import numpy as np
import onnx_ir as ir

from weft.host.opencl.broadcast import contiguous_strides
from weft.host.opencl.lowering import Lowering
from weft.host.opencl.movement import broadcast_to, copy, filled, transposed
from weft.host.opencl.node import attribute, given, integers, needed, positive
from weft.host.opencl.sources import source
from weft.host.opencl.tensor import C_TYPES, Tensor


def lower_reshape(lowering: Lowering, node: ir.Node) -> None:
    """numpy.reshape: 0 keeps an axis unless `allowzero` says otherwise, one -1 is worked out."""
    data = lowering.tensor(needed(node, 0))
    wanted = list(integers(lowering, node, 1, "shape") or ())
    if not attribute(node, "allowzero", 0):
        wanted = [data.shape[axis] if size == 0 else size for axis, size in enumerate(wanted)]
    if -1 in wanted:
        known = prod(size for size in wanted if size != -1)
        wanted[wanted.index(-1)] = data.size // known if known else 0
    lowering.define(node.outputs[0], data.reshaped(tuple(wanted)))


def lower_flatten(lowering: Lowering, node: ir.Node) -> None:
    """All axes before `axis` as one, and all from it on as another."""
    data = lowering.tensor(needed(node, 0))
    rank = len(data.shape)
    axis = attribute(node, "axis", 1)
    axis += rank if axis < 0 else 0
    lowering.define(node.outputs[0], data.reshaped((prod(data.shape[:axis]), prod(data.shape[axis:]))))


def lower_squeeze(lowering: Lowering, node: ir.Node) -> None:
    """numpy.squeeze."""
    data = lowering.tensor(needed(node, 0))
    axes = integers(lowering, node, 1, "axes")
    gone = (
        {axis for axis, size in enumerate(data.shape) if size == 1}
        if axes is None
        else set(positive(axes, len(data.shape)))
    )
    lowering.define(
        node.outputs[0], data.reshaped(tuple(size for axis, size in enumerate(data.shape) if axis not in gone))
    )


def lower_unsqueeze(lowering: Lowering, node: ir.Node) -> None:
    """numpy.expand_dims."""
    data = lowering.tensor(needed(node, 0))
    axes = integers(lowering, node, 1, "axes") or ()
    new = set(positive(axes, len(data.shape) + len(axes)))
    sizes = iter(data.shape)
    shape = tuple(1 if axis in new else next(sizes) for axis in range(len(data.shape) + len(axes)))
    lowering.define(node.outputs[0], data.reshaped(shape))


def lower_shape(lowering: Lowering, node: ir.Node) -> None:
    """The shape, as int64 on the host."""
    shape = lowering.shape(needed(node, 0))
    start, end = attribute(node, "start", 0), attribute(node, "end", None)
    lowering.define(node.outputs[0], np.array(shape[start:end], np.int64))


def lower_size(lowering: Lowering, node: ir.Node) -> None:
    """The number of elements, as int64 on the host."""
    lowering.define(node.outputs[0], np.array(prod(lowering.shape(needed(node, 0))), np.int64))


def lower_transpose(lowering: Lowering, node: ir.Node) -> None:
    """numpy.transpose."""
    data = lowering.tensor(needed(node, 0))
    order = attribute(node, "perm", None) or range(len(data.shape))[::-1]
    lowering.define(node.outputs[0], transposed(lowering, data, order))


def lower_expand(lowering: Lowering, node: ir.Node) -> None:
    """numpy.broadcast_to, of both shapes."""
    data = lowering.tensor(needed(node, 0))
    shape = np.broadcast_shapes(data.shape, integers(lowering, node, 1, "shape") or ())
    lowering.define(node.outputs[0], data if shape == data.shape else broadcast_to(lowering, data, shape))


def lower_concat(lowering: Lowering, node: ir.Node) -> None:
    """numpy.concatenate."""
    parts = [lowering.tensor(value) for value in node.inputs if value is not None]
    axis = attribute(node, "axis", 0) % len(parts[0].shape)
    shape = list(parts[0].shape)
    if any([*part.shape[:axis], *part.shape[axis + 1 :]] != [*shape[:axis], *shape[axis + 1 :]] for part in parts):
        raise ValueError(f"{[part.shape for part in parts]} cannot be joined along axis {axis}")
    shape[axis] = sum(part.shape[axis] for part in parts)
    result = lowering.allocate(shape, parts[0].dtype)
    strides, offset = contiguous_strides(shape), 0
    for part in parts:
        own = contiguous_strides(part.shape)
        copy(lowering, part, result, part.shape, strides=own, into_strides=strides, into_offset=offset)
        offset += part.shape[axis] * strides[axis]
    lowering.define(node.outputs[0], result)


def lower_split(lowering: Lowering, node: ir.Node) -> None:
    """Consecutive pieces along an axis: of the sizes given, or equal ones of which the last may be smaller."""
    data = lowering.tensor(needed(node, 0))
    axis = attribute(node, "axis", 0) % len(data.shape)
    sizes = integers(lowering, node, 1, "split")
    if sizes is None:
        piece = -(-data.shape[axis] // len(node.outputs))
        sizes = tuple(min(piece, data.shape[axis] - start) for start in range(0, data.shape[axis], piece))
    if sum(sizes) != data.shape[axis] or min(sizes, default=0) < 0:
        raise ValueError(f"axis {axis} of {data.shape} cannot be split into {sizes}")
    strides, start = contiguous_strides(data.shape), 0
    for output, size in zip(node.outputs, sizes, strict=True):
        shape = (*data.shape[:axis], size, *data.shape[axis + 1 :])
        lowering.define(output, _part(lowering, data, shape, strides, start * strides[axis]))
        start += size


def _part(lowering: Lowering, data: Tensor, shape: Sequence[int], strides: Sequence[int], offset: int) -> Tensor:
    result = lowering.allocate(shape, data.dtype)
    copy(lowering, data, result, shape, strides=strides, offset=offset)
    return result


def lower_slice(lowering: Lowering, node: ir.Node) -> None:
    """NumPy's basic slicing, with bounds clamped to the axis."""
    data = lowering.tensor(needed(node, 0))
    rank = len(data.shape)
    starts, ends = integers(lowering, node, 1, "starts") or (), integers(lowering, node, 2, "ends") or ()
    axes = integers(lowering, node, 3, "axes") or tuple(range(len(starts)))
    steps = integers(lowering, node, 4, "steps") or (1,) * len(starts)
    shape, strides, offset = list(data.shape), list(contiguous_strides(data.shape)), 0
    for start, end, axis, step in zip(starts, ends, positive(axes, rank), steps, strict=True):
        indices = _taken(start, end, step, data.shape[axis])
        shape[axis] = len(indices)
        offset += indices.start * strides[axis] if len(indices) else 0
        strides[axis] *= step
    lowering.define(node.outputs[0], _part(lowering, data, shape, strides, offset))


def _taken(start: int, end: int, step: int, size: int) -> range:
    """The indices of a slice. Unlike Python's, one that begins before the first element and runs backwards has that
    element (ONNX operator Slice)."""
    start, end = (bound + size if bound < 0 else bound for bound in (start, end))
    if step > 0:
        return range(min(max(start, 0), size), min(max(end, 0), size), step)
    return range(min(max(start, 0), size - 1), min(max(end, -1), size - 1), step)


def lower_pad(lowering: Lowering, node: ir.Node) -> None:
    """numpy.pad with a constant; negative padding cuts away."""
    data = lowering.tensor(needed(node, 0))
    rank = len(data.shape)
    pads = integers(lowering, node, 1, "pads") or ()
    axes = integers(lowering, node, 3, "axes")
    begins, ends = [0] * rank, [0] * rank
    for number, axis in enumerate(range(rank) if axes is None else positive(axes, rank)):
        begins[axis], ends[axis] = pads[number], pads[number + len(pads) // 2]
    shape = tuple(size + before + after for size, before, after in zip(data.shape, begins, ends, strict=True))
    value = lowering.host(given(node, 2))
    fill = data.dtype.type(0 if value is None else value.reshape(())[()])
    result = filled(lowering, fill, shape)
    kept = [size + min(b, 0) + min(e, 0) for size, b, e in zip(data.shape, begins, ends, strict=True)]
    own, into = contiguous_strides(data.shape), contiguous_strides(shape)
    if min(kept, default=1) > 0:
        copy(
            lowering,
            data,
            result,
            kept,
            strides=own,
            offset=sum(max(-begin, 0) * stride for begin, stride in zip(begins, own, strict=True)),
            into_strides=into,
            into_offset=sum(max(begin, 0) * stride for begin, stride in zip(begins, into, strict=True)),
        )
    lowering.define(node.outputs[0], result)


def lower_constant_of_shape(lowering: Lowering, node: ir.Node) -> None:
    """numpy.full of the shape given."""
    shape = integers(lowering, node, 0, "shape") or ()
    value = attribute(node, "value", None)
    fill = np.float32(0) if value is None else value.numpy().reshape(-1)[0]
    lowering.define(node.outputs[0], filled(lowering, fill, shape))


def lower_gather(lowering: Lowering, node: ir.Node) -> None:
    """numpy.take along an axis; an index outside it is a DeviceError when the outputs are read."""
    data, indices = lowering.tensor(needed(node, 0)), lowering.tensor(needed(node, 1))
    axis = attribute(node, "axis", 0) % len(data.shape)
    result = lowering.allocate((*data.shape[:axis], *indices.shape, *data.shape[axis + 1 :]), data.dtype)
    inner = prod(data.shape[axis + 1 :])
    lowering.launch_elements(
        source("gather.cl.j2", type=C_TYPES[data.dtype], index=C_TYPES[indices.dtype]),
        "gather",
        (result, data, indices, lowering.fault_flag(), indices.size, data.shape[axis], inner),
        inner,
        indices.size,
        prod(data.shape[:axis]),
    )
    lowering.define(node.outputs[0], result)


def check_pad(node: ir.Node) -> str:
    """Padding with a constant only."""
    mode = attribute(node, "mode", "constant")
    return "" if mode == "constant" else f"padding with mode {mode!r} has no OpenCL kernel"
