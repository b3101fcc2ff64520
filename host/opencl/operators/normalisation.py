"""Normalisation over the last axes: LayerNormalization and RMSNormalization under their names, with what is added
before in the forms of com.microsoft."""

from __future__ import annotations

from math import prod

import onnx_ir as ir

from weft.host.opencl.lowering import Lowering
from weft.host.opencl.movement import broadcast_to
from weft.host.opencl.node import attribute, given, needed
from weft.host.opencl.rows import row_group
from weft.host.opencl.sources import source
from weft.host.opencl.tensor import Tensor

_EPSILON = 1e-5  # ONNX's default, and com.microsoft's


def check_normalisation(node: ir.Node) -> str:
    """Without the statistics that training would want."""
    statistics = node.outputs[1:3]
    if any(value.name and (value.uses() or value.is_graph_output()) for value in statistics):
        return f"the mean and deviation that {node.op_type} may give have no OpenCL kernel"
    return ""


def lower_normalisation(lowering: Lowering, node: ir.Node) -> None:
    """(x - mean) / sqrt(mean((x - mean)^2) + epsilon) * scale + bias, or without the mean."""
    x, scale = lowering.tensor(needed(node, 0)), lowering.tensor(needed(node, 1))
    added = given(node, 2)
    axis = attribute(node, "axis", -1) % len(x.shape)
    centred = node.op_type == "LayerNormalization"
    scale, *bias = (
        tensor if tensor.size == prod(x.shape[axis:]) else broadcast_to(lowering, tensor, x.shape[axis:])
        for tensor in (scale, *(() if added is None else (lowering.tensor(added),)))
    )
    result, _ = _normalised(lowering, node, x, scale, bias[0] if bias else None, prod(x.shape[axis:]), centred, ())
    lowering.define(node.outputs[0], result)


def lower_skip_normalisation(lowering: Lowering, node: ir.Node) -> None:
    """The same of input + skip (+ bias), which is the fourth output."""
    centred = node.op_type == "SkipLayerNormalization"
    x, skip, scale = (lowering.tensor(needed(node, number)) for number in range(3))
    beta, bias = (given(node, 3), given(node, 4)) if centred else (None, given(node, 3))
    added = (skip, *(() if bias is None else (lowering.tensor(bias),)))
    shift = None if beta is None else lowering.tensor(beta)
    result, total = _normalised(lowering, node, x, scale, shift, x.shape[-1], centred, added)
    lowering.define(node.outputs[0], result)
    if len(node.outputs) > 3 and node.outputs[3].name:
        lowering.define(node.outputs[3], total)


def _normalised(
    lowering: Lowering,
    node: ir.Node,
    x: Tensor,
    scale: Tensor,
    bias: Tensor | None,
    count: int,
    centred: bool,
    added: tuple[Tensor, ...],
) -> tuple[Tensor, Tensor]:
    """The result, and the sum of x and what is `added` (x itself where nothing is)."""
    parts = (scale, *(() if bias is None else (bias,)), *added)
    if any(part.size != count for part in parts[: len(parts) - len(added)]) or any(
        part.size == 0 or x.size % part.size or part.size % count for part in added if x.size
    ):
        raise ValueError(f"{[part.shape for part in parts]} do not fit rows of {count} values")
    result = lowering.allocate(x.shape)
    total = lowering.allocate(x.shape) if added else x
    group = row_group(lowering.context, count)
    lowering.launch(
        source("normalise.cl.j2", group=group, centred=centred, bias=bias is not None, added=len(added)),
        "normalise",
        (
            *(result, x, scale, *(() if bias is None else (bias,))),
            *added,
            *((total,) if added else ()),
            *(each.size for each in added),
            *(count, float(attribute(node, "epsilon", _EPSILON))),
        ),
        (x.size // count * group if count else 0,),
        (group,),
    )
    return result, total
