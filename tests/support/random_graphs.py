"""Random hls4ml ModelGraphs: every layer with types, shapes, strategy and reuse factor of its own, and every layer's
output a design output, so that one compilation compares each of them."""

from __future__ import annotations

from typing import Any

import numpy as np

ROUNDINGS = ("TRN", "RND", "RND_CONV", "TRN_ZERO", "RND_ZERO", "RND_INF", "RND_MIN_INF")


class RandomNetwork:
    """A layer list in the making. Each method adds a layer behind `behind` and returns its name."""

    def __init__(self, seed: int, io: str) -> None:
        self.random = np.random.default_rng(seed)
        self.io = io
        self.layers: list[dict[str, Any]] = []
        self.config: dict[str, Any] = {}
        self.shapes: dict[str, tuple[int, ...]] = {}

    def integer(self, low: int, high: int) -> int:
        return int(self.random.integers(low, high + 1))

    def type(self, low: int = 3, high: int = 16, *, wrap: bool = False) -> str:
        """Any ap_fixed or ap_ufixed; `wrap` for accumulators, where a saturating sum depends on the order."""
        width = self.integer(low, high)
        integer = self.integer(1, width)  # below 1, ap_fixed's own asserts fire where two ranges do not meet
        prefix = "fixed" if wrap or self.random.random() < 0.75 else "ufixed"
        overflow = "WRAP" if wrap else self.random.choice(["WRAP", "SAT", "SAT_ZERO"])
        rounding = "TRN" if wrap and self.random.random() < 0.5 else self.random.choice(ROUNDINGS)
        return f"{prefix}<{width},{integer},{rounding},{overflow}>"

    def add(self, kind: str, behind: list[str], shape: tuple[int, ...], types: dict[str, str], **rest: Any) -> str:
        name = f"layer_{len(self.layers)}"
        self.layers.append({"class_name": kind, "name": name, "inputs": behind, "outputs": [name], **rest})
        self.config[name] = {"Precision": {"result": self.type(), **types}}
        self.shapes[name] = shape
        return name

    def input(self, *shape: int) -> str:
        name = self.add("InputLayer", [], shape, {}, input_shape=list(shape))
        self.config[name] = {"Precision": {"result": self.type(4, 12)}}
        return name

    def dense(self, behind: str, n_out: int) -> str:
        (n_in,) = self.shapes[behind]
        name = self.add(
            "Dense",
            [behind],
            (n_out,),
            {"weight": self.type(), "bias": self.type(), "accum": self.type(10, 40, wrap=True)},
            n_in=n_in,
            n_out=n_out,
            weight_data=self.random.normal(size=(n_in, n_out)),
            bias_data=self.random.normal(size=n_out),
            use_bias=True,
        )
        self.multiply(name, n_in, n_out)
        return name

    def multiply(self, name: str, n_in: int, n_out: int, *, window: bool = False) -> None:
        """Any strategy with a reuse factor that is valid for it."""
        resource = self.random.random() < 0.5
        valid = [
            factor
            for factor in range(1, n_in * n_out + 1)
            if (n_in * n_out) % factor == 0 and (factor % n_in == 0 or factor < n_in)
        ]
        valid = [f for f in valid if f >= n_in or -(-n_in * n_out // f) % n_out == 0]
        if window and self.io == "io_parallel":
            valid = [factor for factor in valid if factor <= n_in]  # beyond, hls4ml reads out of bounds
        self.config[name] |= {
            "Strategy": "Resource" if resource else "Latency",
            "ReuseFactor": int(self.random.choice(valid)) if resource else 1,
        }

    def conv(self, behind: str, filters: int, kernel: tuple[int, int], stride: int, pad: int) -> str:
        height, width, channels = self.shapes[behind]
        out_height = (height + 2 * pad - kernel[0]) // stride + 1
        out_width = (width + 2 * pad - kernel[1]) // stride + 1
        name = self.add(
            "Conv2D",
            [behind],
            (out_height, out_width, filters),
            {"weight": self.type(), "bias": self.type(), "accum": self.type(10, 40, wrap=True)},
            in_height=height,
            in_width=width,
            out_height=out_height,
            out_width=out_width,
            n_chan=channels,
            n_filt=filters,
            filt_height=kernel[0],
            filt_width=kernel[1],
            stride_height=stride,
            stride_width=stride,
            **dict.fromkeys(("pad_top", "pad_bottom", "pad_left", "pad_right"), pad),
            padding="same" if pad else "valid",
            data_format="channels_last",
            weight_data=self.random.normal(size=(*kernel, channels, filters)),
            bias_data=self.random.normal(size=filters),
            use_bias=True,
        )
        self.multiply(name, channels * kernel[0] * kernel[1], filters, window=True)
        return name

    def pool(self, behind: str, operation: str, size: int) -> str:
        height, width, channels = self.shapes[behind]
        accumulator = "fixed<36,20>"  # holds every sum, as hls4ml's own inference of it does
        return self.add(
            f"{operation}Pooling2D",
            [behind],
            (height // size, width // size, channels),
            {"accum": accumulator},
            in_height=height,
            in_width=width,
            out_height=height // size,
            out_width=width // size,
            n_filt=channels,
            **dict.fromkeys(("pool_height", "pool_width", "stride_height", "stride_width"), size),
            **dict.fromkeys(("pad_top", "pad_bottom", "pad_left", "pad_right"), 0),
            padding="valid",
            data_format="channels_last",
        )

    def global_pool(self, behind: str, operation: str) -> str:
        height, width, channels = self.shapes[behind]
        return self.add(
            f"Global{operation}Pooling2D",
            [behind],
            (channels,),
            {"accum": "fixed<36,20>"},
            in_height=height,
            in_width=width,
            n_filt=channels,
            data_format="channels_last",
        )

    def activation(self, behind: str, name: str) -> str:
        shape = self.shapes[behind]
        name = self.add("Activation", [behind], shape, {}, activation=name, n_in=int(np.prod(shape)))
        self.config[name]["table_t"] = self.type(8, 18)
        return name

    def leaky(self, behind: str, kind: str, name: str, parameter: float) -> str:
        shape = self.shapes[behind]
        types = {"param": "fixed<12,3>"}
        size = int(np.prod(shape))
        return self.add(kind, [behind], shape, types, activation=name, activ_param=parameter, n_in=size)

    def batch_normalization(self, behind: str) -> str:
        shape = self.shapes[behind]
        return self.add(
            "BatchNormalization",
            [behind],
            shape,
            {"scale": self.type(), "bias": self.type()},
            n_in=int(np.prod(shape)),
            n_filt=shape[-1],
            scale_data=self.random.normal(size=shape[-1]),
            bias_data=self.random.normal(size=shape[-1]),
            use_gamma=True,
            use_beta=True,
        )

    def softmax(self, behind: str, implementation: str) -> str:
        (size,) = self.shapes[behind]
        # hls4ml sizes its tables by the width of what comes before, but not behind a clone: widths differ from 10 up.
        self.config[behind]["Precision"]["result"] = self.type(11, 16)
        name = self.add("Softmax", [behind], (size,), {}, activation="softmax", axis=-1, n_in=size)
        self.layers[-1]["implementation"] = implementation
        if self.random.random() < 0.5:
            self.config[name] |= {"exp_table_t": "ufixed<17,1,RND,SAT>", "inv_inp_t": "ufixed<14,4,TRN,SAT>"}
        return name

    def reshape(self, behind: str, *shape: int) -> str:
        name = self.add("Reshape", [behind], shape, {}, target_shape=list(shape))
        del self.config[name]
        return name

    def merge(self, first: str, second: str, operation: str) -> str:
        return self.add("Merge", [first, second], self.shapes[first], {}, op=operation)

    def graph(self, name: str) -> Any:
        from hls4ml.model.graph import ModelGraph

        inputs = [layer["name"] for layer in self.layers if layer["class_name"] == "InputLayer"]
        outputs = [layer["name"] for layer in self.layers if layer["class_name"] not in ("InputLayer", "Reshape")]
        config = {
            "Backend": "Vitis",
            "ProjectName": name,
            "OutputDir": name,
            "Part": "xc7z020clg400-1",
            "ClockPeriod": 10,
            "ClockUncertainty": "27%",
            "IOType": self.io,
            "WriterConfig": {
                "Namespace": None,
                "WriteWeightsTxt": True,
                "WriteTar": False,
                "TBOutputStream": "stdout",
            },
            "HLSConfig": {
                "Model": {"Precision": "fixed<16,6>", "ReuseFactor": 1, "Strategy": "Latency"},
                "LayerName": self.config,
            },
        }
        return ModelGraph.from_layer_list(config, self.layers, inputs, outputs)


def image_network(seed: int, io: str) -> RandomNetwork:
    """Convolution, batch normalisation, pooling of both kinds, dense and softmax in one."""
    network = RandomNetwork(seed, io)
    image = network.input(6, network.integer(5, 7) // 2 * 2, network.integer(1, 3))
    kernel = (network.integer(1, 3), network.integer(1, 3))
    first = network.conv(image, network.integer(2, 4), kernel, 1, network.integer(0, 1))
    normal = network.batch_normalization(network.activation(first, "relu"))
    height, width, _ = network.shapes[normal]
    pooled = network.pool(normal, "Max", 2) if height % 2 == width % 2 == 0 else normal
    mean = network.pool(normal, "Average", 2) if height % 2 == width % 2 == 0 else normal
    second = network.conv(pooled, 3, (2, 2), network.integer(1, 2), 0)
    network.global_pool(second, "Max")
    summary = network.global_pool(mean, "Average")
    network.softmax(network.dense(summary, 5), "stable")
    return network


def dense_network(seed: int, io: str) -> RandomNetwork:
    """Dense layers, every activation, merges and softmax."""
    network = RandomNetwork(seed, io)
    data = network.input(network.integer(4, 12))
    size = network.integer(3, 8)
    hidden = [network.dense(data, size) for _ in range(3)]  # hls4ml clones a stream seven times at most
    for name in ("relu", "sigmoid", "tanh", "softplus", "softsign"):
        network.activation(hidden[0], name)
    network.leaky(hidden[1], "LeakyReLU", "leakyrelu", 0.3)
    network.leaky(hidden[1], "ThresholdedReLU", "thresholdedrelu", 0.5)
    network.leaky(hidden[1], "ELU", "elu", 0.75)
    network.batch_normalization(hidden[1])
    for implementation in ("stable", "latency", "argmax"):
        network.softmax(hidden[2], implementation)
    first, second = network.dense(data, size), network.dense(data, size)
    for operation in ("add", "subtract", "multiply", "average", "maximum", "minimum"):
        network.merge(first, second, operation)
    return network
