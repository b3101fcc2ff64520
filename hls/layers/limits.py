"""What hls4ml takes and its C++ then stops at, or reads beyond: refused by name before anything runs."""

from __future__ import annotations

from math import prod

from weft.hls.design import Design, Layer
from weft.hls.layers.dense import check_products

_PADS = ("pad_top", "pad_bottom", "pad_left", "pad_right")


def check_layer(design: Design, layer: Layer) -> None:
    """Raises NotImplementedError for a layer that `design`'s firmware could not compute."""
    if "weight" in layer.weights:
        check_products(layer, design.tensors[layer.inputs[0]].type)
    if "Conv" in layer.kind:
        _check_convolution(design, layer)
    if "Pooling" in layer.kind and design.io == "io_stream":
        _check_stream_pooling(layer)
    if len(layer.inputs) > 1 and layer.kind in ("LSTM", "GRU"):
        _check_states(design, layer)
    if layer.kind == "TimeDistributed":
        _check_moments(design, layer)
    if layer.kind == "Merge":
        _check_merge(design, layer)
    if layer.kind == "Reshape" and design.io == "io_stream":
        _check_flattened(design, layer)
    if layer.kind == "Resize" and design.io == "io_stream":
        _check_stream_resize(design, layer)


def _check_convolution(design: Design, layer: Layer) -> None:
    if "Depthwise" in layer.kind and layer.weights["weight"].raw.shape[-1] != 1:  # asserted in nnet_sepconv2d_latency.h
        raise NotImplementedError(
            f"layer {layer.name}: hls4ml's {layer.kind} computes one output a channel, and its depth multiplier is "
            f"{layer.weights['weight'].raw.shape[-1]}: repeat the channels before a depth multiplier of 1"
        )
    if design.io == "io_parallel" and layer.strategy == "resource":
        _check_parallel_resource(layer)


def _check_parallel_resource(layer: Layer) -> None:
    if "Depthwise" in layer.kind:  # asserted in nnet_sepconv2d.h
        raise NotImplementedError(
            f"layer {layer.name}: hls4ml has no parallel {layer.kind} with strategy resource: choose latency"
        )
    n_in = layer.weights["weight"].raw[..., 0].size  # beyond it, nnet_conv2d_resource.h reads what is not its own
    if layer.reuse_factor > n_in:
        raise NotImplementedError(
            f"layer {layer.name}: hls4ml's parallel {layer.kind} with strategy resource reads beyond its window at "
            f"reuse factor {layer.reuse_factor}; choose at most {n_in}"
        )


def _check_stream_pooling(layer: Layer) -> None:
    """Asserted in nnet_pooling_stream.h."""
    if any(layer.attributes.get(pad) for pad in _PADS):
        raise NotImplementedError(
            f"layer {layer.name}: hls4ml's {layer.kind} takes no padding in io_stream: pad before it"
        )
    for side in ("height", "width"):
        stride, size = (layer.attributes.get(f"{what}_{side}") for what in ("stride", "pool"))
        if not layer.kind.startswith("Global") and stride != size and "1D" not in layer.kind:
            raise NotImplementedError(
                f"layer {layer.name}: hls4ml's {layer.kind} takes windows side by side only in io_stream, and its "
                f"stride_{side} of {stride} is not its pool_{side} of {size}: use io_parallel"
            )


def _check_states(design: Design, layer: Layer) -> None:
    """nnet_recurrent.h writes a layer's last states over its initial ones."""
    readers = [name for other in design.layers for name in other.inputs] + list(design.outputs)
    for name in layer.inputs[1:]:
        if readers.count(name) > 1:
            raise NotImplementedError(
                f"layer {layer.name}: hls4ml's {layer.kind} overwrites its initial state {name}, which something else "
                "reads too: give it one of its own"
            )


def _check_moments(design: Design, layer: Layer) -> None:
    """nnet_time_distributed.h copies between arrays of one type."""
    before, after = (design.tensors[name].type for name in (layer.inputs[0], layer.outputs[0]))
    if before != after:
        raise NotImplementedError(
            f"layer {layer.name}: hls4ml's TimeDistributed compiles only where its two sides are one type, and these "
            f"are {before} and {after}: give both the first"
        )


def _check_merge(design: Design, layer: Layer) -> None:
    """hls4ml takes the larger of two sizes by their text, '2*3*4' and '4', and its C++ fills so many values."""
    sizes = ["*".join(map(str, design.tensors[name].shape)) for name in layer.inputs]
    filled = prod(map(int, max(sizes).split("*")))
    size = design.tensors[layer.outputs[0]].size
    if filled < size:
        raise NotImplementedError(
            f"layer {layer.name}: hls4ml's {layer.attributes['op']} of {sizes[0]} and {sizes[1]} values fills {filled} "
            f"of {size} only: give both operands one shape"
        )


def _check_flattened(design: Design, layer: Layer) -> None:
    """A flattened stream keeps its packs (hls4ml's inplace_stream_flatten), which nnet_dense_stream.h alone expects."""
    names = {layer.outputs[0]}
    for other in design.layers:
        if not names & set(other.inputs) or other.kind == "Dense":
            continue
        if other.kind != "Clone":
            raise NotImplementedError(
                f"layer {other.name}: hls4ml's {other.kind} reads beyond its stream behind {layer.name}: "
                "put it before the flattening, or use io_parallel"
            )
        names |= set(other.outputs)


def _check_stream_resize(design: Design, layer: Layer) -> None:
    """Asserted in nnet_image_stream.h."""
    old, new = (design.tensors[name].shape for name in (layer.inputs[0], layer.outputs[0]))
    if new[0] % old[0] or new[1] % old[1]:
        raise NotImplementedError(
            f"layer {layer.name}: hls4ml's Resize takes whole factors only in io_stream, and {old} becomes {new}: "
            "use io_parallel"
        )
