"""Einsum and EinsumDense in floats."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from weft.hls.design import Layer, Tensor, Weight
from weft.hls.fast.dense import after, product
from weft.hls.fast.span import Floats, Inexact, Span, Step, carrier
from weft.hls.layers.dense import accumulator_type
from weft.hls.layers.einsum import axes, integer


def einsum(layer: Layer, spans: Sequence[Span], result: Tensor) -> Step:
    """Seen as (I, L0, C, N) and (I, L1, C, N): a sum over C of products, where no addition rounds or wraps."""
    first, second = spans
    accumulator = accumulator_type(layer)
    inplace, contracted = integer(layer, "n_inplace"), integer(layer, "n_contract")
    gained = accumulator.fraction - first.type.fraction - second.type.fraction
    ends = [a * b for a in (first.low, first.high) for b in (second.low, second.high)]
    if gained < 0:
        raise Inexact
    low, high = (contracted * min(0, *ends)) << gained, (contracted * max(0, *ends)) << gained
    if low < accumulator.minimum or high > accumulator.maximum:
        raise Inexact
    out = after(accumulator, result.type, low, high)
    dtype = max(out.dtype, carrier(low, high))
    views = [(axes(layer, f"{name}_shape"), axes(layer, f"{name}_tpose_idxs")) for name in ("inp0", "inp1")]
    back = axes(layer, "out_interpert_shape"), axes(layer, "out_tpose_idxs")
    scale = dtype.type(2.0**gained * out.scale)

    def run(x: Floats, y: Floats) -> Floats:
        left, right = (
            _moved(z.astype(dtype, copy=False), *view).reshape(inplace, -1, contracted, z.shape[-1])
            for z, view in zip((x, y), views, strict=True)
        )
        total = left[:, :, None, 0] * right[:, None, :, 0]
        for index in range(1, contracted):
            total += left[:, :, None, index] * right[:, None, :, index]
        if scale != 1:
            total *= scale
        return _moved(out.finish(total), *back).reshape(*result.shape, -1)

    return Step(run, out.low, out.high)


def einsum_dense(layer: Layer, spans: Sequence[Span], result: Tensor) -> Step:
    """Seen as (I, L0, C, N): for each of I, one matrix product with every row of every sample as a column."""
    if layer.strategy != "latency":
        raise Inexact
    (span,) = spans
    inplace, contracted = integer(layer, "n_inplace"), integer(layer, "n_contract")
    free, outputs = integer(layer, "n_free_data"), integer(layer, "n_free_kernel")
    weights = layer.weights["weight"].raw.reshape(inplace, contracted, outputs)
    bias = layer.weights["bias"]
    biases = bias.raw.reshape(inplace, free, outputs)
    products = [
        [product(layer, span, weight, Weight(row, bias.type), result) for row in rows]
        for weight, rows in zip(weights, biases, strict=True)
    ]
    casts = [each.out for row in products for each in row]
    dtype = max(each.dtype for each in casts)
    view = axes(layer, "inp_shape"), axes(layer, "inp_tpose_idxs")
    back = axes(layer, "out_interpert_shape"), axes(layer, "out_tpose_idxs")

    def run(x: Floats) -> Floats:
        data = _moved(x.astype(dtype, copy=False), *view).reshape(inplace, free, contracted, -1)
        total = np.empty((inplace, free, outputs, data.shape[-1]), dtype)
        for i, row in np.ndindex(inplace, free):
            matrix, start, out = products[i][row]
            total[i, row] = out.finish(matrix @ data[i, row].astype(matrix.dtype, copy=False) + start)
        return _moved(total, *back).reshape(*result.shape, -1)

    return Step(run, min(each.low for each in casts), max(each.high for each in casts))


def _moved(x: Floats, shape: tuple[int, ...], order: tuple[int, ...]) -> Floats:
    return x.reshape(*shape, -1).transpose(*order, len(order))
