"""Attention with a cache against ONNX Runtime: prompts, further tokens, shared key heads, rotary positions."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx_ir as ir
import pytest
from device_runs import one_node, prepared, run_on

pytest.importorskip("pyopencl")

from weft.boards.errors import DeviceError
from weft.host.devices.opencl import OpenClDevice
from weft.host.opencl.operators import refusal

random = np.random.default_rng(0)
HEADS, KEPT, SIZE, ROOM = 4, 2, 32, 12


def normal(*shape: int) -> Any:
    return random.normal(size=shape).astype(np.float32)


def attention(batch: int, length: int, past: int, packed: bool, rotary: str, **more: Any) -> tuple[Any, dict[str, Any]]:
    """The network and its inputs; `rotary` is "", "halves", "pairs" or "partial"."""
    width = (HEADS + 2 * KEPT if packed else HEADS) * SIZE
    feeds = {"q": normal(batch, length, width)}
    if not packed:
        feeds |= {"k": normal(batch, length, KEPT * SIZE), "v": normal(batch, length, KEPT * SIZE)}
    feeds |= {"pk": normal(batch, KEPT, past, SIZE), "pv": normal(batch, KEPT, past, SIZE)}
    feeds["n"] = np.full(batch, past + length - 1, np.int32)
    feeds["t"] = np.array([past + length], np.int32)
    angles = normal(ROOM, SIZE // (4 if rotary == "partial" else 2))
    constants = {"cos": np.cos(angles), "sin": np.sin(angles)} if rotary else {}
    order = ["q", *(("", "") if packed else ("k", "v")), "pk", "pv", "n", "t", *constants]
    model = one_node(
        "GroupQueryAttention",
        feeds,
        constants,
        outputs=3,
        order=",".join(order),
        domain="com.microsoft",
        num_heads=HEADS,
        kv_num_heads=KEPT,
        do_rotary=int(bool(rotary)),
        rotary_interleaved=int(rotary == "pairs"),
        **more,
    )
    return model, feeds


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize("rotary", ["", "halves", "pairs", "partial"])
@pytest.mark.parametrize(("length", "past"), [(5, 0), (1, 6)])
def test_prompts_and_further_tokens(
    same_as_onnx_runtime: Any, packed: bool, rotary: str, length: int, past: int
) -> None:
    same_as_onnx_runtime(*attention(2, length, past, packed, rotary))


def test_a_scale(same_as_onnx_runtime: Any) -> None:
    same_as_onnx_runtime(*attention(1, 3, 0, False, "", scale=0.5))


def test_samples_of_unlike_length(same_as_onnx_runtime: Any) -> None:
    model, feeds = attention(2, 1, 6, False, "halves")
    feeds["n"] = np.array([6, 4], np.int32)
    same_as_onnx_runtime(model, feeds)


def test_lengths_that_cannot_be(opencl_device: OpenClDevice) -> None:
    model, feeds = attention(2, 1, 6, False, "halves")
    program = prepared(opencl_device, model)
    for length in (7, 1_000_000, -2):
        with pytest.raises(DeviceError, match="out of range"):
            program.run(feeds | {"n": np.array([6, length], np.int32)})
    assert np.isfinite(program.run(feeds)["y0"]).all()
    program.close()


def test_more_positions_than_there_are_angles(opencl_device: OpenClDevice) -> None:
    model, feeds = attention(1, 1, ROOM, False, "halves")
    with pytest.raises(DeviceError, match="needs 13 rotary positions and has 12"):
        run_on(opencl_device, model, feeds)


@pytest.mark.parametrize("option", [{"local_window_size": 4}, {"softcap": 5.0}])
def test_what_stays_elsewhere(option: dict[str, Any]) -> None:
    model, _ = attention(1, 2, 0, False, "", **option)
    assert next(iter(option)) in refusal(next(iter(ir.from_proto(model).graph)))
