"""Reads what hls4ml keeps only in C++ it generated: products by distributed arithmetic, and HGQ2's quantisers."""

from __future__ import annotations

from math import prod
from typing import Any

import numpy as np
from numpy.typing import NDArray

from weft.hls.da4ml_code import linear_maps
from weft.hls.design import Value, Weight
from weft.hls.precision import FixedType

_Found = tuple[dict[str, Weight], dict[str, Value]]  # weights and attributes
_COLUMNS = FixedType(16, 16)  # of a table of types: signed, width, integer bits


def heterogeneous_types(node: Any) -> _Found:
    """The type of every value of a FixedPointQuantizer, as weight `quantiser` (n, 3: signed, width, integer bits)."""
    shape = tuple(node.get_output_variable().shape)
    columns = [np.broadcast_to(np.asarray(mask)[0], shape).ravel() for mask in node.mask_kbi]
    return {"quantiser": Weight(np.stack(columns, axis=1).astype(np.int64), _COLUMNS)}, {
        "quantiser_rounding": str(node.RND),
        "quantiser_overflow": str(node.SAT),
    }


def written_product(node: Any) -> _Found:
    """Weight and bias of a layer of strategy distributed_arithmetic, and, where its kernels cast their inputs, weight
    `quantiser` (kernels, n_in, 3)."""
    shape = _kernel_shape(node)
    maps = linear_maps(node.get_attr("da_codegen").code, prod(shape[1:-1]), shape[-1], f"layer {node.name}")
    fraction = max(found.fraction for found in maps)
    matrices = [found.matrix << (fraction - found.fraction) for found in maps]
    stacked = np.stack(matrices).reshape(shape if len(maps) > 1 or "Einsum" in type(node).__name__ else shape[1:])
    weights = {"weight": _exact_weight(stacked, fraction, node)}
    if "Einsum" not in type(node).__name__:  # whose bias is added apart
        weights["bias"] = _exact_weight(maps[0].bias, maps[0].fraction, node)
    data = node.get_input_variable().type.precision
    casts = [[cast or _plain_type(data) for cast in found.casts] for found in maps]
    if all(_holds(cast, data) for row in casts for cast in row):
        return weights, {}
    table = np.array([[(cast.signed, cast.width, cast.integer) for cast in row] for row in casts], np.int64)
    weights["quantiser"] = Weight(table, _COLUMNS)
    return weights, {"quantiser_rounding": casts[0][0].rounding, "quantiser_overflow": casts[0][0].overflow}


def _kernel_shape(node: Any) -> tuple[int, ...]:
    """Kernels, then the axes of one: its inputs' and its outputs."""
    attributes = node.attributes
    if "Einsum" in type(node).__name__:
        return attributes["n_inplace"], attributes["n_contract"], attributes["n_free_kernel"]
    if "Conv" not in type(node).__name__:
        return 1, attributes["n_in"], attributes["n_out"]
    extents = [attributes[name] for name in ("filt_height", "filt_width") if name in attributes]
    if "1D" in type(node).__name__:
        extents = extents[-1:]
    return 1, *extents, attributes["n_chan"], attributes["n_filt"]


def _exact_weight(values: NDArray[Any], fraction: int, node: Any) -> Weight:
    """Python's integers, in steps of 2**-fraction, in the narrowest signed type that holds them."""
    zeros = min(((int(value) & -int(value)).bit_length() - 1 for value in values.flat if value), default=0)
    raw = values >> zeros
    width = 1 + max(int(value if value >= 0 else ~value).bit_length() for value in raw.flat)
    if width > 64:
        raise NotImplementedError(
            f"layer {node.name}: strategy distributed_arithmetic has weights of {width} bits, and weft models at most "
            "64: quantise them before the conversion"
        )
    return Weight(raw.astype(np.int64), FixedType(width, width - (fraction - zeros)))


def _plain_type(precision: Any) -> FixedType:
    return FixedType(int(precision.width), int(precision.integer), bool(precision.signed))


def _holds(cast: FixedType, precision: Any) -> bool:
    """Whether `cast` changes no value of hls4ml's `precision`."""
    data = _plain_type(precision)
    return (
        cast.fraction >= data.fraction
        and cast.integer - cast.signed >= data.integer - data.signed
        and cast.signed >= data.signed
    )
