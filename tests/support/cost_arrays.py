"""A Dense layer of given weights and a context to cost it in."""

from __future__ import annotations

from weft.hls.design import Design, Layer, Weight
from weft.hls.precision import FixedType, Integers
from weft.sim.cost.family import fabric_of
from weft.sim.cost.model import Context


def layer_of(raw: Integers, kind: FixedType, strategy: str, factor: int) -> Layer:
    """Layer "one" of a (n_in, n_out) matrix."""
    attributes = {"n_in": raw.shape[0], "n_out": raw.shape[1]}
    return Layer("one", "Dense", (), (), attributes, {"weight": Weight(raw, kind)}, strategy, factor)


def context(family: str, clock_ns: float, tool: str = "vitis-2024.1") -> Context:
    """An io_parallel design without layers."""
    return Context(Design("test", "io_parallel", clock_ns, "part", (), {}, (), ()), fabric_of(family), clock_ns, tool)
