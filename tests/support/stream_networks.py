"""Streaming CNNs that others published reports of, built by hand from the shapes of their models.

Keb-L's networks of N channels: 16x16x3, a 5x5 convolution of N, pool, two 3x3 convolutions of 2N, pool, Dense of 8; the
convolutions keep the size and have a LeakyReLU each (models/modelN_summary.txt of Keb-L/hls4ml-data@333aad62). The
hls4ml tutorial's part 6: 32x32x3, 3x3 convolutions of 16, 16 and 24 without padding, each pooled, Dense of 42, 64 and
10.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from typing import NamedTuple

import numpy as np
from published import DATA, chain, trained_weight

from weft.hls.design import Design, Layer, Tensor, Value
from weft.hls.precision import FixedType

Shape = tuple[int, ...]
Step = tuple[Layer, Tensor]

KEB_LAYERS = ("zeropad18", "conv2", "leaky5", "pool6", "zeropad19", "conv7", "leaky10", "zeropad20", "conv11",
              "leaky14", "pool15", "dense16", "softmax17")  # fmt: skip
#: By the reports' config numbers: float weights pruned, and 6-bit weights pruned.
TUTORIAL_LAYERS = {
    "pruned_cnn": ("conv2", "relu5", "pool6", "conv7", "relu10", "pool11", "conv12", "relu15", "pool16", "dense17",
                   "relu20", "dense21", "relu24", "dense25", "softmax27"),
    "quantized_pruned_cnn": ("conv2", "relu4", "pool5", "conv6", "relu8", "pool9", "conv10", "relu12", "pool13",
                             "dense14", "batchnorm16", "relu17", "dense18", "batchnorm20", "relu21", "dense22",
                             "softmax24"),
}  # fmt: skip


class Style(NamedTuple):
    """How a network is built."""

    strategy: str
    implementation: str = "linebuffer"


def keb_network(filters: int, dsps: Mapping[str, int], style: Style) -> Design:
    """Keb-L's network of `filters` channels. `dsps` tells a layer's reuse factor, which the reports do not name:
    products over DSPs, one DSP a product of 16 bits."""
    random = np.random.default_rng(filters)
    shape: Shape = (16, 16, 3)
    steps: list[Step] = []
    for name in KEB_LAYERS:
        kind = kind_of(name)
        if kind == "zeropad":
            step = _padding(name, shape, 2 if name == "zeropad18" else 1)
        elif kind == "conv":
            step = _convolution(name, shape, *((5, filters) if name == "conv2" else (3, 2 * filters)), style, random)
        else:
            step = _other(name, shape, 8, style, random)
        layer, result = step
        if layer.weights:
            layer = replace(layer, reuse_factor=layer.weights["weight"].raw.size // dsps[name])
        elif kind == "softmax":
            layer = replace(layer, reuse_factor=8 // max(1, dsps[name]))
        steps.append((layer, result))
        shape = result.shape
    return chain(Tensor("x", (16, 16, 3), DATA, 256), steps, 5.0, "io_stream")


def tutorial_network(name: str) -> Design:
    """The hls4ml tutorial's network, half of every layer's weights pruned as it prunes them."""
    random = np.random.default_rng(0)
    style = Style("latency")
    shape: Shape = (32, 32, 3)
    steps: list[Step] = []
    filters, units = iter((16, 16, 24)), iter((42, 64, 10))
    for layer_name in TUTORIAL_LAYERS[name]:
        if kind_of(layer_name) == "conv":
            layer, result = _convolution(layer_name, shape, 3, next(filters), style, random)
        else:
            outputs = next(units) if kind_of(layer_name) == "dense" else 0
            layer, result = _other(layer_name, shape, outputs, style, random)
        for weight in layer.weights.values():
            weight.raw.reshape(-1)[random.permutation(weight.raw.size)[: weight.raw.size // 2]] = 0
        steps.append((layer, result))
        shape = result.shape
    return chain(Tensor("x", (32, 32, 3), DATA, 1024), steps, 5.0, "io_stream")


def kind_of(name: str) -> str:
    """conv of conv11."""
    return re.sub(r"\d", "", name)


def _padding(name: str, shape: Shape, around: int) -> Step:
    height, width, channels = shape
    sides: dict[str, Value] = dict.fromkeys(("pad_top", "pad_bottom", "pad_left", "pad_right"), around)
    layer = Layer(name, "ZeroPadding2D", (), (), {**sides, "in_height": height, "in_width": width})
    return layer, _stream(name, (height + 2 * around, width + 2 * around, channels))


def _convolution(name: str, shape: Shape, size: int, filters: int, style: Style, random: np.random.Generator) -> Step:
    height, width, channels = shape
    out = height - size + 1, width - size + 1
    attributes: dict[str, Value] = {
        "in_height": height, "in_width": width, "n_chan": channels, "filt_height": size, "filt_width": size,
        "n_filt": filters, "out_height": out[0], "out_width": out[1], "stride_height": 1, "stride_width": 1,
        "implementation": style.implementation,
    }  # fmt: skip
    weights = {"weight": trained_weight(random, DATA, (size, size, channels, filters))}
    return Layer(name, "Conv2D", (), (), attributes, weights, style.strategy), _stream(name, (*out, filters))


def _other(name: str, shape: Shape, units: int, style: Style, random: np.random.Generator) -> Step:
    channels, kind = shape[-1], kind_of(name)
    attributes: dict[str, Value] = {}
    weights, result = {}, shape
    if kind == "pool":
        sizes = {"pool_height": 2, "pool_width": 2, "in_height": shape[0], "in_width": shape[1], "stride_height": 2,
                 "stride_width": 2}  # fmt: skip
        attributes, result = {**sizes, "implementation": style.implementation}, (shape[0] // 2, shape[1] // 2, channels)
    elif kind == "leaky":
        attributes = {"activation": "leaky_relu", "param_t": FixedType(16, 6)}
    elif kind == "relu":
        attributes = {"activation": "relu"}
    elif kind == "softmax":
        attributes = {"n_in": channels}
    elif kind == "batchnorm":
        attributes = {"n_filt": channels}
        weights = {part: trained_weight(random, DATA, (channels,)) for part in ("scale", "bias")}
    else:
        inputs, result = int(np.prod(shape)), (units,)
        attributes = {"n_in": inputs, "n_out": units}
        weights = {"weight": trained_weight(random, DATA, (inputs, units))}
    named = {"pool": "Pooling2D", "leaky": "ParametrizedActivation", "relu": "Activation", "softmax": "Softmax",
             "batchnorm": "BatchNormalization", "dense": "Dense"}[kind]  # fmt: skip
    return Layer(name, named, (), (), attributes, weights, style.strategy), _stream(name, result)


def _stream(name: str, shape: Shape) -> Tensor:
    """A tensor with hls4ml's default FIFO, which holds all of it."""
    return Tensor(f"{name}_out", shape, DATA, int(np.prod(shape[:-1])))
