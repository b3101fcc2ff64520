"""hls4ml projects on disk, as `ModelGraph.write` leaves them, of every kind of layer that is read back from one."""

from __future__ import annotations

import contextlib
import io as text_io
import warnings
from collections.abc import Mapping
from itertools import cycle
from pathlib import Path
from typing import Any

import numpy as np

from weft.hls.design import Design

Shape = tuple[int, ...]

# Of different widths, signs and modes, so that a type that is read off the wrong place shows.
_RESULTS = ("fixed<12,5,RND,SAT>", "fixed<14,6>", "ufixed<11,5,TRN,SAT>", "fixed<13,4,RND_CONV,WRAP>", "fixed<16,8>")
_WEIGHTS = ("fixed<8,2,RND,SAT>", "fixed<6,1>", "fixed<9,3,RND_ZERO,SAT_ZERO>", "ufixed<7,2>")
_SIDES = ("top", "bottom", "left", "right")


class Layers:
    """A layer list in the making. Each method adds a layer behind `behind` and returns its name; every layer's output
    is an output of the design."""

    def __init__(self, seed: int, io: str, strategy: str) -> None:
        self.random = np.random.default_rng(seed)
        self.io, self.strategy = io, strategy
        self.results, self.weights = cycle(_RESULTS), cycle(_WEIGHTS)
        self.list: list[dict[str, Any]] = []
        self.config: dict[str, dict[str, Any]] = {}
        self.shapes: dict[str, Shape] = {}

    def add(self, kind: str, behind: str | list[str], shape: Shape, types: dict[str, str], **rest: Any) -> str:
        name = f"{kind.lower()}_{len(self.list)}"
        inputs = [behind] if isinstance(behind, str) else behind
        self.list.append({"class_name": kind, "name": name, "inputs": inputs, "outputs": [name], **rest})
        self.config[name] = {"Precision": {"result": next(self.results), **types}}
        self.shapes[name] = shape
        return name

    def input(self, *shape: int, result: str = "fixed<8,3>") -> str:
        return self.add("InputLayer", [], shape, {"result": result}, input_shape=list(shape))

    def product(self, kind: str, behind: str, shape: Shape, kernel: Shape, fan_in: int, **rest: Any) -> str:
        """A layer of weights and biases, in as many steps as its strategy allows."""
        types = {"weight": next(self.weights), "bias": next(self.weights), "accum": "fixed<24,12,RND,WRAP>"}
        weight = "depthwise_data" if kind.startswith("Depthwise") else "weight_data"
        values = {weight: self.random.normal(size=kernel), "bias_data": self.random.normal(size=shape[-1])}
        name = self.add(kind, behind, shape, types, use_bias=True, **values, **rest)
        shared = self.strategy == "Resource" and self.io == "io_stream"
        self.config[name] |= {"Strategy": self.strategy, "ReuseFactor": fan_in if shared else 1}
        return name

    def dense(self, behind: str, n_out: int) -> str:
        (n_in,) = self.shapes[behind]
        return self.product("Dense", behind, (n_out,), (n_in, n_out), n_in, n_in=n_in, n_out=n_out)

    def image(self, kind: str, behind: str, filters: int, size: int, pad: int = 0, **rest: Any) -> str:
        """A convolution over an image, padded alike on all sides."""
        height, width, channels = self.shapes[behind]
        out = (height + 2 * pad - size + 1, width + 2 * pad - size + 1)
        kernel = (size, size, channels, 1 if kind.startswith("Depthwise") else filters)
        extents = {"in_height": height, "in_width": width, "out_height": out[0], "out_width": out[1]}
        window = {"filt_height": size, "filt_width": size, "stride_height": 1, "stride_width": 1}
        pads = {f"pad_{side}": pad for side in _SIDES} | {"padding": "same" if pad else "valid"}
        counts = {"n_chan": channels, "n_filt": filters, "data_format": "channels_last"}
        fan_in = size * size * channels
        return self.product(
            kind, behind, (*out, filters), kernel, fan_in, **extents, **window, **pads, **counts, **rest
        )

    def function(self, kind: str, behind: str, activation: str, types: dict[str, str], **rest: Any) -> str:
        shape = self.shapes[behind]
        name = self.add(kind, behind, shape, types, activation=activation, n_in=int(np.prod(shape)), **rest)
        self.config[name]["table_t"] = "fixed<14,4,RND,SAT>"
        return name

    def graph(self, backend: str, settings: Mapping[str, Any]) -> Any:
        from hls4ml.model.graph import ModelGraph

        inputs = [layer["name"] for layer in self.list if layer["class_name"] == "InputLayer"]
        outputs = [layer["name"] for layer in self.list if layer["class_name"] not in ("InputLayer", "Reshape")]
        model = {"Precision": "fixed<16,6>", "ReuseFactor": 1, "Strategy": "Latency", **settings}
        writer = {"Namespace": None, "WriteWeightsTxt": True, "WriteTar": False, "TBOutputStream": "stdout"}
        config = {
            **{"Backend": backend, "ProjectName": "net", "OutputDir": "net", "Part": "xczu7ev-ffvc1156-2-e"},
            **{"ClockPeriod": 5, "ClockUncertainty": "27%", "IOType": self.io, "WriterConfig": writer},
            "HLSConfig": {"Model": model, "LayerName": self.config},
        }
        return ModelGraph.from_layer_list(config, self.list, inputs, outputs)


def image_layers(seed: int, io: str, strategy: str) -> Layers:
    """A small CNN: each convolution, both poolings, batch normalisation, dense and softmax."""
    net = Layers(seed, io, strategy)
    data = net.input(6, 6, 2)
    first = net.function("Activation", net.image("Conv2D", data, 3, 3, pad=1), "relu", {})
    size = int(np.prod(net.shapes[first]))
    scale = {name: net.random.normal(size=3) for name in ("scale_data", "bias_data")}
    types = {"scale": "fixed<9,3>", "bias": "fixed<10,4,RND,SAT>"}
    normal = net.add("BatchNormalization", first, (6, 6, 3), types, n_in=size, n_filt=3, **scale)
    window = {"pool_height": 2, "pool_width": 2, "stride_height": 2, "stride_width": 2, "padding": "valid"}
    sizes = {
        "in_height": 6,
        "in_width": 6,
        "out_height": 3,
        "out_width": 3,
        "n_filt": 3,
        "data_format": "channels_last",
    }
    pads = {f"pad_{side}": 0 for side in _SIDES}
    pooled = [
        net.add(f"{operation}Pooling2D", normal, (3, 3, 3), {"accum": "fixed<36,20>"}, **window, **sizes, **pads)
        for operation in ("Max", "Average")
    ]
    net.strategy = "Latency"  # hls4ml has no depthwise kernel for Resource in io_parallel
    net.image("DepthwiseConv2D", pooled[0], 3, 2, depth_multiplier=1)
    net.strategy = strategy
    net.image("Conv2D", pooled[1], 2, 1)  # hls4ml makes it a pointwise one
    whole = {"in_height": 3, "in_width": 3, "n_filt": 3, "data_format": "channels_last"}
    mean = net.add("GlobalAveragePooling2D", pooled[1], (3,), {"accum": "fixed<36,20>"}, **whole)
    scores = net.dense(mean, 5)
    net.function("Softmax", scores, "softmax", {}, axis=-1, implementation="stable")
    return net


def function_layers(seed: int, io: str, strategy: str) -> Layers:
    """Dense layers, every activation, softmax and merge."""
    net = Layers(seed, io, strategy)
    data = net.input(8)
    first, second, third, fourth, fifth = (net.dense(data, 4) for _ in range(5))  # a stream is cloned 7 times at most
    for name in ("relu", "sigmoid", "tanh", "softplus", "softsign"):
        net.function("Activation", first, name, {})
    for name in ("selu", "binary_tanh", "ternary_tanh"):
        net.function("Activation", second, name, {})
    for name in ("hard_sigmoid", "hard_tanh"):
        net.function("HardActivation", second, name, {}, slope=0.3, shift=0.5)
    for kind, name in (("LeakyReLU", "leakyrelu"), ("ThresholdedReLU", "thresholdedrelu"), ("ELU", "elu")):
        net.function(kind, third, name, {"param": "fixed<12,3>"}, activ_param=0.3)
    slope = net.random.normal(size=4)
    net.function("PReLU", third, "prelu", {"param": "fixed<9,2>"}, param_data=slope)
    for implementation in ("stable", "latency", "argmax", "legacy"):
        net.function("Softmax", fourth, "softmax", {}, axis=-1, implementation=implementation)
    pair = [net.dense(fifth, 3), net.dense(fifth, 3)]
    for operation in ("add", "subtract", "multiply", "average", "maximum", "minimum"):
        net.add("Merge", [*pair], (3,), {}, op=operation)
    if io == "io_parallel":
        net.add("Dot", [first, second], (1,), {"accum": "fixed<20,10>"}, op="dot1d", axes=1)
    return net


def shape_layers(seed: int, io: str, strategy: str) -> Layers:
    """Layers that move values, and those of one dimension."""
    net = Layers(seed, io, strategy)
    line = net.input(8, 3)
    first, second = net.function("Activation", line, "relu", {}), net.function("Activation", line, "linear", {})
    net.add("Concatenate", [first, second], (8, 6), {}, op="concatenate2d", axis=2)
    last = {"data_format": "channels_last"}
    padding = {"in_width": 8, "out_width": 11, "n_chan": 3, "pad_left": 1, "pad_right": 2}
    net.add("ZeroPadding1D", first, (11, 3), {}, **padding, **last)
    cropping = {"in_width": 8, "out_width": 6, "n_chan": 3, "crop_left": 1, "crop_right": 1}
    net.add("Cropping1D", first, (6, 3), {}, **cropping, **last)
    sizes = {"in_width": 8, "out_width": 6, "n_chan": 3, "n_filt": 2, "filt_width": 3, "stride_width": 1}
    pads = {"pad_left": 0, "pad_right": 0, "padding": "valid", **last}
    net.product("Conv1D", second, (6, 2), (3, 3, 2), 9, **sizes, **pads)
    pool = {"n_in": 8, "n_out": 4, "n_filt": 3, "pool_width": 2, "stride_width": 2}
    net.add("MaxPooling1D", first, (4, 3), {"accum": "fixed<36,20>"}, **pool, **pads)
    net.add("GlobalAveragePooling1D", second, (3,), {"accum": "fixed<36,20>"}, n_in=8, n_filt=3, **last)
    image = net.input(4, 4, 2)
    larger = {"in_height": 4, "in_width": 4, "out_height": 8, "out_width": 8, "n_chan": 2, "algorithm": "nearest"}
    net.add("Resize", net.function("Activation", image, "relu", {}), (8, 8, 2), {}, **larger, **last)
    flat = net.add("Reshape", net.function("Activation", image, "linear", {}), (32,), {}, target_shape=[32])
    net.dense(flat, 3)
    if io == "io_parallel":
        net.add("Transpose", first, (3, 8), {}, perm=[1, 0])
        norm = {name: net.random.normal(size=3) for name in ("gamma_data", "beta_data")}
        types = {"scale": "fixed<9,3>", "bias": "fixed<10,4>", "accum": "fixed<18,8>"}
        rest = {"n_in": 24, "seq_len": 8, "axis": 2, "epsilon_power_of_10": 3}
        net.config[net.add("LayerNormalization", second, (8, 3), types, **rest, **norm)]["table_t"] = "fixed<14,4>"
    tokens = net.input(5, result="ufixed<4,4>")
    table = net.random.normal(size=(16, 3))
    sizes = {"n_in": 5, "n_out": 3, "vocab_size": 16}
    net.add("Embedding", tokens, (5, 3), {"embeddings": "fixed<9,2>"}, embeddings_data=table, **sizes)
    return net


def recurrent_layers(seed: int, io: str, strategy: str) -> Layers:
    """LSTM, GRU and, in io_parallel, Bidirectional, with and without their sequences. An LSTM compiles only if input,
    result and sums have one type."""
    net = Layers(seed, io, strategy)
    kind = "fixed<16,6,RND,WRAP>"
    data = net.input(4, 3, result=kind)
    sizes = {"n_in": 3, "n_timesteps": 4, "return_state": False, "time_major": False}
    functions = {"activation": "tanh", "recurrent_activation": "sigmoid"}
    for sequences in (False, True):
        for name in ("LSTM", "GRU"):
            types, values = _recurrent_weights(net, name)
            shape = (4, 2) if sequences else (2,)
            rest = {"n_out": 2, "return_sequences": sequences, **sizes, **functions, **values}
            made = net.add(name, data, shape, {**types, "accum": kind, "result": kind}, **rest)
            net.config[made] |= {"Strategy": strategy, "table_t": "fixed<14,4,RND,SAT>"}
        if io == "io_parallel":
            rest = {"n_out": 4, "return_sequences": sequences, "merge_mode": "concat", **sizes}
            types = {"accum": kind, "result": kind}
            for way, name in (("forward", "LSTM"), ("backward", "GRU")):
                each = _recurrent_weights(net, name)
                types |= {f"{way}_{key}": value for key, value in each[0].items()}
                named = {**each[1], **functions, "class_name": name, "n_states": 2}
                rest |= {f"{way}_{key}": value for key, value in named.items()}
            made = net.add("Bidirectional", data, (4, 4) if sequences else (4,), types, **rest)
            net.config[made]["Strategy"] = strategy
    return net


def _recurrent_weights(net: Layers, kind: str) -> tuple[dict[str, str], dict[str, Any]]:
    """Types and values of 2 states' weights over 3 inputs."""
    gates = 2 * {"LSTM": 4, "GRU": 3}[kind]
    shapes = {"weight": (3, gates), "recurrent_weight": (2, gates), "bias": (gates,), "recurrent_bias": (gates,)}
    values = {f"{key}_data": net.random.normal(size=shape) for key, shape in shapes.items()}
    return {key: next(net.weights) for key in shapes}, values


def einsum_layers(seed: int, io: str, strategy: str) -> Layers:
    """What attention is made of: EinsumDense twice, and Einsum of both."""
    net = Layers(seed, io, strategy)
    data = net.input(4, 6)
    pair = []
    for _ in range(2):
        types = {"weight": next(net.weights), "bias": next(net.weights), "accum": "fixed<24,12,RND,WRAP>"}
        values = {"weight_data": net.random.normal(size=(6, 2, 3)), "bias_data": net.random.normal(size=(4, 2, 3))}
        shapes = {"inp_shape": (4, 6), "out_shape": (4, 2, 3)}
        pair.append(net.add("EinsumDense", data, (4, 2, 3), types, equation="bc,cde->bde", **shapes, **values))
        net.config[pair[-1]]["Strategy"] = "latency"
    shapes = {"inp0_shape": (4, 2, 3), "inp1_shape": (4, 2, 3), "out_shape": (2, 4, 4)}
    net.add("Einsum", pair, (2, 4, 4), {"accum": "fixed<24,12>"}, equation="ecd,bcd->cbe", **shapes)
    return net


def write_project(layers: Layers, folder: Path, backend: str = "Vitis", **settings: Any) -> Design:
    """Write the project of a layer list to `folder`; the design that hls4ml's ModelGraph describes.

    `settings` are of the whole model, such as PipelineStyle.
    """
    with warnings.catch_warnings(), contextlib.redirect_stdout(text_io.StringIO()):
        warnings.simplefilter("ignore")  # hls4ml's notes on table sizes
        graph = layers.graph(backend, settings)
        graph.config.config["OutputDir"] = str(folder)
        graph.write()
        return Design.from_hls4ml(graph)
