"""Random hls4ml networks: many small cases side by side in one ModelGraph, each with types, shapes, strategy and reuse
factor of its own and every layer's output an output of the whole, so that one compilation compares all of them."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from random_functions import Functions
from random_products import distributed_arithmetic
from random_sequences import Sequences
from random_windows import Windows

BOTH, PARALLEL = ("io_parallel", "io_stream"), ("io_parallel",)
TABLES = ("sigmoid", "tanh", "softplus", "softsign", "selu")
OPERATIONS = ("add", "subtract", "multiply", "average", "maximum", "minimum")


class RandomNetwork(Windows, Functions, Sequences):
    """A layer list in the making. Each method adds a layer behind `behind` and returns its name."""

    @property
    def one_dimensional(self) -> bool:
        """Whether the network's depthwise convolutions are of sequences."""
        return self.seed % 3 == 1

    def any_of(self, *names: str) -> str:
        return str(self.random.choice(names))


Case = Callable[[RandomNetwork], object]
CASES: dict[str, tuple[Case, Sequence[str]]] = {}  # by name: what it adds, and the io types that hls4ml has it for


def case(*io: str) -> Callable[[Case], Case]:
    """Registers a case by the name of its function."""

    def register(add: Case) -> Case:
        CASES[add.__name__] = add, io
        return add

    return register


def random_network(seed: int, io: str, count: int = 12, *, odd: bool = False) -> RandomNetwork:
    """`count` of the cases that hls4ml has for `io`. Successive seeds take successive ones, so that all come equally
    often."""
    names = [name for name, (_, ios) in CASES.items() if io in ios]
    order = np.random.default_rng(seed * count // len(names)).permutation(names)
    first = seed * count % len(names)
    network = RandomNetwork(seed, io, odd=odd)
    for name in np.roll(order, -first)[:count]:
        CASES[str(name)][0](network)
    return network


# ---------------------------------------------------------------- products


@case(*BOTH)
def dense(net: RandomNetwork) -> None:
    data = net.input(net.integer(2, 8))
    net.dense(data, net.integer(2, 6), "Resource")
    net.dense(data, net.integer(2, 6))
    ternary = net.dense(data, 2)  # weights of -2 among them, which hls4ml takes for 1
    net.config[ternary]["Precision"]["weight"] = "int<2>"


@case(*BOTH)
def dense_by_shifts(net: RandomNetwork) -> None:
    net.dense(net.input(net.integer(3, 6)), net.integer(2, 4), distributed_arithmetic("Latency"))


@case(*BOTH)
def dense_of_moments(net: RandomNetwork) -> None:
    net.dense(net.input(3, net.integer(2, 4)), net.integer(2, 4))  # PointwiseConv1D
    net.dense(net.input(2, 3, net.integer(2, 3)), 2)  # PointwiseConv2D


@case(*BOTH)
def image_convolution(net: RandomNetwork) -> None:
    kernel, strides = (net.integer(1, 3), net.integer(2, 3)), (net.integer(1, 2), net.integer(1, 2))
    pads = (net.integer(0, 1), net.integer(0, 1))
    net.conv(net.input(5, net.integer(4, 6), net.integer(1, 3)), net.integer(2, 3), kernel, strides, pads)


@case(*BOTH)
def image_convolution_by_shifts(net: RandomNetwork) -> None:
    image = net.input(3, 4, 2)
    net.conv(image, 2, (2, 2), (1, 1), (net.integer(0, 1),) * 2, distributed_arithmetic("Latency"))


@case(*BOTH)
def sequence_convolution(net: RandomNetwork) -> None:
    sequence = net.input(net.integer(5, 8), net.integer(1, 3))
    net.conv(sequence, net.integer(2, 4), (net.integer(2, 3),), (net.integer(1, 2),), (net.integer(0, 1),))


@case(*BOTH)
def pointwise_convolution(net: RandomNetwork) -> None:
    net.conv(net.input(3, 3, net.integer(2, 4)), net.integer(2, 3), (1, 1), (1, 1), (0, 0))
    net.conv(net.input(4, net.integer(2, 4)), net.integer(2, 3), (1,), (1,), (0,))


@case(*BOTH)
def depthwise_convolution(net: RandomNetwork) -> None:
    """Of images, or of sequences: hls4ml's headers for the two share one include guard."""
    if net.one_dimensional:
        net.depthwise(net.input(5, net.integer(2, 3)), (net.integer(2, 3),))
    else:
        net.depthwise(net.input(4, 4, net.integer(2, 3)), (2, net.integer(1, 3)))


@case(*BOTH)
def separable_convolution(net: RandomNetwork) -> None:
    if net.one_dimensional:
        net.separable(net.input(5, net.integer(2, 3)), 3, (3,))
    else:
        net.separable(net.input(4, 4, net.integer(2, 3)), 3, (2, 3))


@case(*PARALLEL)
def einsums(net: RandomNetwork) -> None:
    query, key = net.input(4, 2, 3), net.input(4, 2, 3)
    net.einsum(query, key, "ecd,bcd->cbe", (2, 4, 4))
    net.einsum_dense(net.input(3, 4), "bc,cde->bde", (4, 2, 3), (3, 2, 3))
    strategy = distributed_arithmetic("latency")
    net.einsum_dense(net.input(2, 3, 2), "abc,acd->abd", (2, 2, 3), (2, 3, 3), strategy)


@case(*PARALLEL)
def dot_product(net: RandomNetwork) -> None:
    size = net.integer(2, 5)
    net.dot(net.input(size), net.input(size))


# ---------------------------------------------------------------- windows


@case(*BOTH)
def image_pooling(net: RandomNetwork) -> None:
    for operation in ("Max", "Average"):
        size = (net.integer(1, 3), net.integer(2, 3))
        if net.io == "io_stream":  # windows side by side only
            net.pool(net.input(4, 6, 2), operation, size, size, (0, 0))
        else:
            strides, pads = (net.integer(1, 2), net.integer(1, 2)), (0 if size[0] == 1 else net.integer(0, 1),) * 2
            net.pool(net.input(4, 5, 2), operation, size, strides, pads)


@case(*BOTH)
def sequence_pooling(net: RandomNetwork) -> None:
    for operation in ("Max", "Average"):
        pads = (0 if net.io == "io_stream" else net.integer(0, 1),)
        net.pool(net.input(6, net.integer(1, 3)), operation, (2,), (2 if net.io == "io_stream" else 1,), pads)


@case(*BOTH)
def global_pooling(net: RandomNetwork) -> None:
    for operation in ("Max", "Average"):
        net.global_pool(net.input(3, net.integer(2, 4), 2), operation)
        net.global_pool(net.input(net.integer(3, 5), 2), operation)


@case(*BOTH)
def edges(net: RandomNetwork) -> None:
    image, sequence = net.input(4, 5, 2), net.input(5, 2)
    net.crop(image)
    net.crop(sequence)
    net.zero_padding(image)
    net.zero_padding(sequence)


@case(*BOTH)
def resizing(net: RandomNetwork) -> None:
    net.resize(net.input(2, 3, 2))
    if net.io == "io_parallel":
        net.resize(net.input(3, 2))


# ---------------------------------------------------------------- functions


@case(*BOTH)
def activations(net: RandomNetwork) -> None:
    data = net.input(net.integer(3, 6))
    for name in ("linear", "relu", "binary_tanh", "ternary_tanh", net.any_of(*TABLES)):
        net.activation(data, name)


@case(*BOTH)
def table_activations(net: RandomNetwork) -> None:
    data = net.input(net.integer(3, 6))
    for name in TABLES:
        net.activation(data, name)


@case(*BOTH)
def activations_with_parameters(net: RandomNetwork) -> None:
    data = net.input(net.integer(3, 6))
    for kind in ("LeakyReLU", "ThresholdedReLU", "ELU"):
        net.leaky(data, kind, kind.lower())
    net.prelu(data)
    net.hard_activation(data, "hard_sigmoid")
    net.hard_activation(data, "hard_tanh")


@case(*BOTH)
def batch_normalizations(net: RandomNetwork) -> None:
    net.batch_normalization(net.input(2, 2, net.integer(2, 3)))
    net.batch_normalization(net.input(net.integer(2, 6)), every=True)


@case(*BOTH)
def ternary_normalization(net: RandomNetwork) -> None:
    """Fused to a BatchNormalizationQuantizedTanh."""
    normal = net.batch_normalization(net.input(net.integer(3, 6), kind="fixed<8,4>"))
    net.inner.add(normal)
    del net.config[net.activation(normal, "ternary_tanh")]["Precision"]["result"]


@case(*BOTH)
def softmaxes(net: RandomNetwork) -> None:
    for implementation in ("stable", "latency", "legacy", "argmax"):
        net.softmax(net.input(net.integer(3, 6)), implementation)


@case(*BOTH)
def softmax_over_an_axis(net: RandomNetwork) -> None:
    net.softmax(net.input(3, 4), "stable", 1 if net.io == "io_stream" else net.integer(0, 1))


@case(*PARALLEL)
def layer_normalizations(net: RandomNetwork) -> None:
    net.layer_normalization(net.input(2, net.integer(3, 6)))


@case(*BOTH)
def merges(net: RandomNetwork) -> None:
    size = net.integer(2, 5)
    first, second = net.input(size), net.input(size)
    for operation in OPERATIONS:
        net.merge(first, second, operation)


@case(*PARALLEL)
def broadcasting_merges(net: RandomNetwork) -> None:
    image, row = net.input(4, 3, 4), net.input(4)
    net.merge(image, row, net.any_of(*OPERATIONS))
    net.merge(net.input(2, 1), image, net.any_of(*OPERATIONS))


@case(*BOTH)
def concatenations(net: RandomNetwork) -> None:
    net.concatenate(net.input(3), net.input(2), 0)
    net.concatenate(net.input(2, 3), net.input(2, 4), 1)
    net.concatenate(net.input(2, 2, 3), net.input(2, 2, 1), 2)


@case(*PARALLEL)
def concatenations_of_outer_axes(net: RandomNetwork) -> None:
    net.concatenate(net.input(2, 3), net.input(1, 3), 0)
    net.concatenate(net.input(2, 1, 2), net.input(2, 3, 2), 1)
    net.concatenate(net.input(1, 2, 2), net.input(2, 2, 2), 0)


@case(*BOTH)
def movements(net: RandomNetwork) -> None:
    image = net.input(2, 3, 4)
    net.activation(net.reshape(image, 6, 4), "linear")
    flat = net.reshape(net.input(3, 2), 6)
    net.dense(flat, 2) if net.io == "io_stream" else net.activation(flat, "relu")
    net.transpose(net.input(3, 4), 1, 0)


@case(*PARALLEL)
def transposition(net: RandomNetwork) -> None:
    net.transpose(net.input(2, 3, 4), *(int(axis) for axis in net.random.permutation(3)))


@case(*BOTH)
def embeddings(net: RandomNetwork) -> None:
    net.embedding(net.input(4, kind=net.any_of("ufixed<4,4>", "ufixed<5,3>", "uint<4>", "uint<2>")), net.integer(2, 4))


# ---------------------------------------------------------------- sequences


@case(*BOTH)
def recurrences(net: RandomNetwork) -> None:
    for kind in ("LSTM", "GRU"):
        activation = net.any_of("tanh", "relu", "sigmoid")
        net.recurrent(net.input(3, net.integer(2, 4)), kind, net.integer(2, 3), activation=activation)


@case(*PARALLEL)
def recurrences_from_a_state(net: RandomNetwork) -> None:
    net.recurrent(net.input(3, 2), "LSTM", 2, net.input(2), net.input(2))
    net.recurrent(net.input(3, 2), "GRU", 3, net.input(3))


@case(*PARALLEL)
def both_ways(net: RandomNetwork) -> None:
    net.bidirectional(net.input(3, net.integer(2, 3)), ("LSTM", "GRU"), 2, sequences=True)
    net.bidirectional(net.input(3, net.integer(2, 3)), ("GRU", "LSTM"), 3, sequences=False)


@case(*PARALLEL)
def moments_by_themselves(net: RandomNetwork) -> None:
    """A Dense in a TimeDistributed, whose C++ loops over the moments and compiles where no type changes around it."""
    steps, size = net.integer(2, 3), 3
    sequence = net.input(steps, 2)
    name = net.dense(sequence, size, "Latency")
    wrapped = net.layers.pop() | {"name": f"of_{name}", "inputs": [], "outputs": []}
    net.config[f"of_{name}"] = net.config.pop(name)
    said = {"wrapped_layer": wrapped, "n_time_steps": steps, "output_shape": [steps, size]}
    outer = net.add("TimeDistributed", [sequence], (steps, size), {}, **said)
    for layer in (sequence, f"of_{name}", outer):  # the type that the end of the loop has
        net.config[layer]["Precision"]["result"] = "fixed<16,6>"
