"""What hls4ml takes and its C++ then stops at, or reads beyond: refused by name before anything runs."""

from __future__ import annotations

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


def _check_stream_resize(design: Design, layer: Layer) -> None:
    """Asserted in nnet_image_stream.h."""
    old, new = (design.tensors[name].shape for name in (layer.inputs[0], layer.outputs[0]))
    if new[0] % old[0] or new[1] % old[1]:
        raise NotImplementedError(
            f"layer {layer.name}: hls4ml's Resize takes whole factors only in io_stream, and {old} becomes {new}: "
            "use io_parallel"
        )
