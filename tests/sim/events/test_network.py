"""Designs as networks: hls4ml's own, and damaged ones."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from small_designs import dense_design

pytest.importorskip("hls4ml")
from exactness import design_of
from random_graphs import random_network

from weft.boards import load_board
from weft.boards.errors import InputError
from weft.hls.design import Design
from weft.sim.cost import layer_cost
from weft.sim.cost.family import fabric_of
from weft.sim.cost.model import Context
from weft.sim.events.network import stream_network
from weft.sim.events.process import Network
from weft.sim.events.timing import schedule

BOARD = load_board("zcu104")


def context_of(design: Design) -> Context:
    return Context(design, fabric_of(BOARD.family), design.clock_ns)


def test_every_layer_of_random_networks_alone_takes_what_its_closed_form_says() -> None:
    for seed in range(4):
        design = design_of(random_network(seed, "io_stream"), f"net_{seed}")
        context = context_of(design)
        network = stream_network(context, BOARD, worst=True)
        layers = {layer.name: layer for layer in design.layers}
        for process in network.processes:
            if process.name in layers:
                timing = layer_cost(layers[process.name], context).run
                alone = replace(process, reads={}, writes={})
                starts = schedule(Network("one", (alone,), {}), 2).starts[0]
                assert starts[0, -1] + process.latency == max(timing.latency, starts[0, -1] + 1)
                assert starts[1, 0] == max(timing.interval, process.busy_cycles) + 1


def test_one_writer_and_one_reader_a_stream(image: Design) -> None:
    network = stream_network(context_of(image), BOARD, worst=True)
    for name, fifo in network.fifos.items():
        assert name in network.processes[fifo.producer].writes
        assert name in network.processes[fifo.consumer].reads
        assert fifo.producer < fifo.consumer


def test_bursts_wait_for_a_slow_memory(image: Design) -> None:
    slow = replace(BOARD, memory=replace(BOARD.memory, bytes_per_s=1e6))
    fast, late = (stream_network(context_of(image), board, worst=True).processes[0] for board in (BOARD, slow))
    assert late.iterations == fast.iterations
    assert late.busy_cycles > 10 * fast.busy_cycles


def test_fifo_depth_zero_is_refused(image: Design) -> None:
    name = image.layers[2].inputs[0]
    with pytest.raises(InputError, match=f"the FIFO of stream {name} has depth 0"):
        stream_network(context_of(image.with_fifo_depths({name: 0})), BOARD, worst=True)


def test_a_stream_that_two_layers_read_is_refused() -> None:
    design = replace(dense_design(), io="io_stream")
    layers = (*design.layers, replace(design.layers[2], name="again", outputs=("relu_2b",)))
    tensors = {**design.tensors, "relu_2b": replace(design.tensors["relu_2"], name="relu_2b")}
    with pytest.raises(InputError, match="stream dense_1 of design net_small has two readers, again and relu_2"):
        stream_network(context_of(replace(design, layers=layers, tensors=tensors)), BOARD, worst=True)


def test_a_cycle_is_refused() -> None:
    design = replace(dense_design(), io="io_stream")
    first, dense, relu = design.layers
    turned = replace(design, layers=(first, relu, dense))
    with pytest.raises(InputError, match="reads dense_1 before it is made: the design is not in order, or has a cycle"):
        stream_network(context_of(turned), BOARD, worst=True)


def test_shift_pixels_are_quicker_than_those_that_emit(image: Design) -> None:
    network = stream_network(context_of(image), BOARD, worst=True)
    for process in network.processes:
        assert (process.pace >= 1).all()
        assert process.latency >= 1
        for counts in (*process.reads.values(), *process.writes.values()):
            assert (np.diff(counts) >= 0).all()
