"""Reads a `Design` off an hls4ml ModelGraph (backend Vitis or Vivado), after hls4ml has made all its decisions."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import numpy as np

from weft.boards.errors import InputError
from weft.hls.design import Design, Layer, Tensor, Value, Weight
from weft.hls.precision import FixedType
from weft.hls.reader_codegen import heterogeneous_types, written_product

# What hls4ml keeps beside the mathematics of a layer: generated text, bookkeeping, and arrays held as weights.
_SKIPPED = {
    "name",
    "class_name",
    "inputs",
    "outputs",
    "precision",
    "trace",
    "include_header",
    "index",
    "strategy",
    "_weights_transposed",
}
# Kinds whose parallel and stream kernels differ in more than how values travel.
_IO_DEPENDENT = {
    "Activation",
    "GlobalPooling1D",
    "GlobalPooling2D",
    "LSTM",
    "GRU",
    "Pooling1D",
    "Pooling2D",
    "Softmax",
}
_SOFTMAX_TABLE = re.compile(r"\b(exp_table_size|inv_table_size) = (\d+);")
_SOFTMAX_NORM = re.compile(r"typedef (ap_u?fixed<[^;]*>) inp_norm_t;")
_SOFTMAX_ACCUM = re.compile(r"typedef (ap_u?fixed<[^;]*>) accum_t;")


def read_design(graph: Any, onnx_nodes: Mapping[str, tuple[str, ...]] | None = None) -> Design:
    """The design that `graph` (hls4ml.model.graph.ModelGraph) describes.

    `onnx_nodes` gives, for hls4ml's layer names, the network's nodes that the layer computes.
    """
    backend = graph.config.get_config_value("Backend")
    if backend not in ("Vitis", "Vivado"):
        raise InputError(f"hls4ml backend {backend!r} cannot be read: convert with backend='Vitis' or 'Vivado'")
    layers = tuple(_read_layer(node, onnx_nodes or {}) for node in graph.get_layers())
    tensors = {}
    for node in graph.get_layers():
        for output in node.outputs:
            tensors[output] = _read_tensor(output, node.get_output_variable(output))
    return Design(
        name=graph.config.get_project_name(),
        io=graph.config.get_config_value("IOType"),
        clock_ns=float(graph.config.get_config_value("ClockPeriod")),
        part=graph.config.get_config_value("Part"),
        layers=layers,
        tensors=tensors,
        inputs=tuple(graph.inputs),
        outputs=tuple(graph.outputs),
        pipeline_style=graph.config.pipeline_style,
        pipeline_interval=_pipeline_interval(graph.config),
        graph=graph,
    )


def _pipeline_interval(config: Any) -> int | None:
    """What hls4ml's writer puts behind PIPELINE; a dataflow top has none, whatever the configuration says."""
    if config.pipeline_style != "pipeline" or config.pipeline_ii is None:
        return None
    return int(config.pipeline_ii)


def read_type(precision: Any, where: str) -> FixedType:
    """An hls4ml precision (FixedPrecisionType, IntegerPrecisionType) as a FixedType."""
    if getattr(precision, "saturation_bits", None):
        raise InputError(f"{where} has type {precision} with saturation bits, which weft does not model: leave them 0")
    from hls4ml.model.types import FixedPrecisionType, IntegerPrecisionType

    if not isinstance(precision, (FixedPrecisionType, IntegerPrecisionType)):
        raise InputError(f"{where} has type {precision}, and weft models ap_fixed and ap_int types only")
    width, signed = int(precision.width), bool(precision.signed)
    if width + (not signed) > 64:
        raise InputError(f"{where} has type {precision}, and weft is exact up to 64 bits with the sign: narrow it")
    rounding = getattr(precision, "rounding_mode", None)
    saturation = getattr(precision, "saturation_mode", None)
    return FixedType(
        width,
        int(precision.integer),
        signed,
        rounding.name if rounding is not None else "TRN",
        saturation.name if saturation is not None else "WRAP",
    )


def _read_tensor(name: str, variable: Any) -> Tensor:
    pragma = variable.pragma
    depth = int(pragma[1]) if isinstance(pragma, (tuple, list)) and pragma[0] == "stream" else 1
    if depth < 1:
        raise InputError(f"tensor {name} has a FIFO depth of {depth}, through which nothing passes: give it at least 1")
    return Tensor(
        name=name,
        shape=tuple(int(extent) for extent in variable.shape),
        type=read_type(variable.type.precision, f"tensor {name}"),
        fifo_depth=depth,
    )


def _read_layer(node: Any, onnx_nodes: Mapping[str, tuple[str, ...]]) -> Layer:
    kind = _kind(node)
    attributes: dict[str, Value] = {}
    for key, value in node.attributes.items():
        if key in _SKIPPED or key in node.outputs:
            continue
        plain = _plain(value, f"layer {node.name}, {key}")
        if plain is not None:
            attributes[key] = plain
    if kind in _IO_DEPENDENT:
        attributes["io"] = str(node.model.config.get_config_value("IOType"))
    if kind == "Softmax":
        attributes |= _softmax_tables(node) | _softmax_axes(node)
    weights = {name: _read_weight(node, name, weight) for name, weight in node.weights.items()}
    if kind == "FixedPointQuantizer":
        written, modes = heterogeneous_types(node)
        attributes, weights = attributes | modes, weights | written
    if node.get_attr("strategy") == "distributed_arithmetic":
        written, modes = written_product(node)
        attributes, weights = attributes | modes, weights | written
    return Layer(
        name=node.name,
        kind=kind,
        inputs=() if kind == "Input" else tuple(node.inputs),
        outputs=tuple(node.outputs),
        attributes=attributes,
        weights=weights,
        strategy=str(node.get_attr("strategy", "latency")).lower(),  # "Latency" where hls4ml never looked at it
        reuse_factor=int(node.get_attr("reuse_factor", 1)),
        onnx_nodes=tuple(onnx_nodes.get(node.name, ())),
    )


def _kind(node: Any) -> str:
    """hls4ml's class name without the backend prefix its registry adds (VitisDense -> Dense)."""
    name: str = type(node).__name__
    for prefix in ("Vitis", "Vivado"):
        name = name.removeprefix(prefix)
    return name


def _plain(value: Any, where: str) -> Value | None:
    """An attribute as plain data, or None for what is no part of a layer's meaning."""
    if hasattr(value, "precision") and hasattr(value, "name"):  # hls4ml's NamedType
        precision = value.precision
        return read_type(precision, where) if hasattr(precision, "width") else None
    if isinstance(value, (bool, float, int)):
        return value
    if isinstance(value, np.generic):
        item = value.item()
        return item if isinstance(item, (bool, int, float)) else None
    if isinstance(value, str):
        if value.isascii() and value.isdigit():  # hls4ml keeps a table_size that it corrected as text
            return int(value)
        return value if len(value) <= 64 and "\n" not in value else None
    if isinstance(value, (list, tuple)) and all(isinstance(item, (int, np.integer)) for item in value):
        return tuple(int(item) for item in value)
    return None


def _read_weight(node: Any, name: str, variable: Any) -> Weight:
    """Raw integers as the firmware gets them: hls4ml prints each value as decimal text, which ap_fixed then reads."""
    fixed = read_type(variable.type.precision, f"layer {node.name}, {name}")
    data = np.asarray(variable.data, np.float64)
    if name.endswith("weight") and node.get_attr("_weights_transposed", False):
        data = np.moveaxis(data, 0, -1)  # apply_resource_strategy put the outputs first; Latency has them last
    decimals = max(0, fixed.fraction)
    steps = np.ldexp(data, fixed.fraction)
    inexact = steps != np.rint(steps)  # a multiple of the type's step is printed with all its digits
    printed = data.copy()
    printed[inexact] = [float(f"{value:.{decimals}f}") for value in data[inexact]]
    raw = fixed.quantise(printed)
    if name.endswith(("weight", "scale")) and _is_ternary(variable.type.precision):
        raw = np.where(raw == -2, 1, raw)  # nnet_mult.h, weight_ternary: what is neither 0 nor -1 is 1
    return Weight(raw, fixed)


def _is_ternary(precision: Any) -> bool:
    """Whether hls4ml multiplies by it with `weight_ternary` (FPGABackend.product_type)."""
    from hls4ml.model.types import IntegerPrecisionType

    return isinstance(precision, IntegerPrecisionType) and precision.width == 2 and bool(precision.signed)


def _softmax_tables(node: Any) -> dict[str, Value]:
    """Table sizes and the types that hls4ml's softmax template decides only while it writes C++."""
    text = node.get_attr("config_cpp")
    found: dict[str, Value] = {name: int(size) for name, size in _SOFTMAX_TABLE.findall(text)}
    for key, pattern in (("inp_norm_t", _SOFTMAX_NORM), ("accum_t", _SOFTMAX_ACCUM)):
        match = pattern.search(text)
        if match:
            found[key] = FixedType.parse(match[1])
    return found


def _softmax_axes(node: Any) -> dict[str, Value]:
    """A stream's softmax takes the last axis of whatever passes, even where hls4ml's front end set no n_outer."""
    if node.model.config.get_config_value("IOType") != "io_stream":
        return {}
    return {"n_outer": int(np.prod(node.get_input_variable().shape[:-1], dtype=np.int64)), "n_inner": 1}
