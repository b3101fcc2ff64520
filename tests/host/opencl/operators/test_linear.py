"""Matrix products against NumPy and ONNX Runtime, with every tile that `weft tune` may choose."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from device_runs import one_node
from hypothesis import given, settings
from hypothesis import strategies as st

pytest.importorskip("pyopencl")

from weft.host.devices.opencl import OpenClDevice
from weft.host.opencl.context import open_context
from weft.host.opencl.gemm import Matrices, Size, in_strips, multiply
from weft.host.opencl.lowering import Lowering
from weft.host.opencl.schedule import Schedule
from weft.host.opencl.tiles import SquareTile, StripTile, Tile

SIZES = st.integers(1, 40)
random = np.random.default_rng(0)


def normal(*shape: int) -> Any:
    return random.normal(size=shape).astype(np.float32)


@settings(max_examples=20)
@given(m=SIZES, k=SIZES, n=SIZES)
def test_any_size(same_as_onnx_runtime: Any, m: int, k: int, n: int) -> None:
    a = normal(m, k)
    same_as_onnx_runtime(one_node("MatMul", {"a": a}, {"b": normal(k, n)}), {"a": a})


@pytest.mark.parametrize(
    ("a", "b"),
    [
        ((2, 3, 4, 5), (5, 6)),
        ((2, 3, 4, 5), (2, 3, 5, 6)),
        ((2, 3, 4, 5), (3, 5, 6)),
        ((2, 1, 4, 5), (3, 5, 6)),
        ((2, 3, 1, 4, 5), (2, 1, 6, 5, 3)),
        ((3, 1, 5), (5, 6)),
        ((4, 5), (2, 5, 6)),
        ((5,), (5, 6)),
        ((4, 5), (5,)),
        ((5,), (5,)),
        ((5,), (2, 5, 6)),
        ((1000, 3), (3, 2)),
        ((3, 700), (700, 33)),
    ],
)
def test_batches_broadcast(same_as_onnx_runtime: Any, a: tuple[int, ...], b: tuple[int, ...]) -> None:
    feeds = {"a": normal(*a), "b": normal(*b)}
    same_as_onnx_runtime(one_node("MatMul", feeds), feeds)


@pytest.mark.parametrize("trans_a", [0, 1])
@pytest.mark.parametrize("trans_b", [0, 1])
@pytest.mark.parametrize(("alpha", "beta"), [(1.0, 1.0), (0.5, 2.0)])
def test_gemm(opencl_device: OpenClDevice, trans_a: int, trans_b: int, alpha: float, beta: float) -> None:
    """As it stands: weft.load makes MatMul and Add of it."""
    import onnx_ir as ir
    from device_runs import reference, region_of

    a, b, c = normal(*((5, 7), (7, 5))[trans_a]), normal(*((7, 9), (9, 7))[trans_b]), normal(9)
    attributes: dict[str, Any] = {"transA": trans_a, "transB": trans_b, "alpha": alpha, "beta": beta}
    model = one_node("Gemm", {"a": a}, {"b": b, "c": c}, **attributes)
    program = opencl_device.prepare(region_of(ir.from_proto(model), "opencl"))
    (found,), (expected,) = program.run({"a": a}).values(), reference(model, {"a": a}).values()
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-5)
    program.close()


TILES = [StripTile(4, 2, 8), StripTile(3, 1, 5), SquareTile(2), SquareTile(4)]


@pytest.mark.parametrize("tile", TILES, ids=str)
@pytest.mark.parametrize(("m", "k", "n", "batch"), [(1, 1, 1, 1), (13, 21, 37, 2), (70, 9, 130, 1), (4, 300, 16, 3)])
@pytest.mark.parametrize("along", ["", "row", "column"])
def test_every_tile(tile: Tile, m: int, k: int, n: int, batch: int, along: Any) -> None:
    """c = max(a b + bias, 0), of a batch, with b as it lies or transposed."""
    context = open_context("")
    a, b = normal(batch, m, k), normal(batch, k, n)
    bias = {"": np.zeros((1, 1), np.float32), "row": normal(batch, m, 1), "column": normal(1, n)}[along]
    for transposed in (False, True):
        lowering = Lowering(context, {}, {})
        sides = [lowering.allocate(each.shape) for each in (a, b)]
        result = lowering.allocate((batch, m, n))
        right = Matrices(sides[1], *((1, k) if transposed else (n, 1)), 1, batch, k * n)
        multiply(
            lowering,
            Matrices(sides[0], k, 1, 1, batch, m * k),
            right,
            Size(batch, m, n, k),
            result,
            bias=lowering.constant(bias) if along else None,
            bias_along=along,
            relu=True,
            tile=tile,
        )
        inputs = {"a": sides[0], "b": sides[1]}
        schedule = Schedule(context, lowering.launches, inputs, {"c": result}, lowering.constants, None)
        given_b = np.ascontiguousarray(b.transpose(0, 2, 1)) if transposed else b
        found = schedule.run({"a": a, "b": given_b})["c"]
        schedule.close()
        np.testing.assert_allclose(found, np.maximum(a @ b + bias, 0), rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize(("k", "n"), [(1, 1), (5, 16), (7, 33)])
def test_a_matrix_in_strips(k: int, n: int) -> None:
    """Column j of the matrix is column j % 16 of strip j // 16, and zeros are behind."""
    matrix = normal(k, n)
    strips = in_strips(matrix, 16)
    assert strips.shape == (-(-n // 16), k, 16)
    np.testing.assert_array_equal(strips.swapaxes(0, 1).reshape(k, -1)[:, :n], matrix)
    assert not strips.swapaxes(0, 1).reshape(k, -1)[:, n:].any()


@pytest.mark.parametrize("rows", [1, 3, 4, 5, 40])
@pytest.mark.parametrize(("k", "n"), [(300, 37), (8, 16), (3, 5)])
@pytest.mark.parametrize("turned", [0, 1])
def test_constant_weights(same_as_onnx_runtime: Any, rows: int, k: int, n: int, turned: int) -> None:
    """Which processors read in strips, whether few rows are multiplied with them or many."""
    a, b = normal(rows, k), normal(n, k) if turned else normal(k, n)
    same_as_onnx_runtime(one_node("Gemm", {"a": a}, {"b": b, "c": normal(n)}, transB=turned), {"a": a})
    if not turned:
        same_as_onnx_runtime(one_node("MatMul", {"a": a[None]}, {"b": b}), {"a": a[None]})
