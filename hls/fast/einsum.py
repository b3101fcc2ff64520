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
    """Seen as (I, L0, C) and (I, L1, C): a matrix product, where no addition rounds or wraps."""
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
            np.moveaxis(_moved(z.astype(dtype, copy=False), *view).reshape(inplace, -1, contracted, z.shape[-1]), -1, 0)
            for z, view in zip((x, y), views, strict=True)
        )
        # BLAS for each sample: some ten times faster than sums over the batch of products of single values.
        total = np.ascontiguousarray(left) @ np.ascontiguousarray(right).swapaxes(-1, -2)
        if scale != 1:
            total *= scale
        return _moved(np.moveaxis(out.finish(total), 0, -1), *back).reshape(*result.shape, -1)

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
        product(layer, span, weight, Weight(start, bias.type), result)
        for weight, start in zip(weights, biases, strict=True)
    ]
    casts = [each.out for each in products]
    view = axes(layer, "inp_shape"), axes(layer, "inp_tpose_idxs")
    back = axes(layer, "out_interpert_shape"), axes(layer, "out_tpose_idxs")

    def run(x: Floats) -> Floats:
        data = _moved(x, *view).reshape(inplace, free, contracted, x.shape[-1])
        total = [
            out.finish(matrix @ rows.astype(matrix.dtype, copy=False) + start)
            for (matrix, start, out), rows in zip(products, data, strict=True)
        ]
        return _moved(np.stack(total) if inplace > 1 else total[0], *back).reshape(*result.shape, -1)

    return Step(run, min(each.low for each in casts), max(each.high for each in casts))


def _moved(x: Floats, shape: tuple[int, ...], order: tuple[int, ...]) -> Floats:
    return x.reshape(*shape, -1).transpose(*order, len(order))
