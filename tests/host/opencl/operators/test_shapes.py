"""A network and its inputs need not agree: kernels never read beyond a tensor, and the error says why."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx_ir as ir
import pytest
from device_runs import region_of

pytest.importorskip("pyopencl")

from weft.boards.errors import DeviceError
from weft.host.devices.opencl import OpenClDevice
from weft.host.opencl.windows import sliding

TYPES = {
    "float32": ir.TensorType(ir.DataType.FLOAT),
    "int32": ir.TensorType(ir.DataType.INT32),
    "int64": ir.TensorType(ir.DataType.INT64),
    "uint8": ir.TensorType(ir.DataType.UINT8),
}
NBITS = {"K": 32, "N": 8, "bits": 4, "block_size": 32}
HEADS = {"num_heads": 2, "kv_num_heads": 1, "do_rotary": 1}


def zeros(*shape: int, dtype: type[np.generic] = np.float32) -> Any:
    return np.zeros(shape, dtype)


def ints(*values: int) -> Any:
    return np.array(values, np.int64)


def model(kind: str, feeds: list[Any], constants: list[Any], outputs: int, **attributes: Any) -> ir.Model:
    """One node whose inputs have no shapes, as a checker that was never run would leave it."""
    values = [ir.Value(name=f"x{n}", type=TYPES[each.dtype.name]) for n, each in enumerate(feeds)]
    weights = [
        ir.Value(name=f"w{n}", type=TYPES[each.dtype.name], shape=ir.Shape(each.shape), const_value=ir.tensor(each))
        for n, each in enumerate(constants)
    ]
    if kind == "GroupQueryAttention":
        values[0].shape = ir.Shape(["N", "S", 16])
    domain = "com.microsoft" if kind in ("MatMulNBits", "GroupQueryAttention", "SkipLayerNormalization") else ""
    inputs = [*values, *weights]
    node = ir.node(kind, inputs, attributes=attributes, domain=domain, num_outputs=outputs)
    for number, output in enumerate(node.outputs):
        output.name, output.type = f"y{number}", values[0].type
    opsets = {"": 21, "com.microsoft": 1}
    graph = ir.Graph(values, node.outputs, nodes=[node], initializers=weights, opset_imports=opsets, name="g")
    return ir.Model(graph, ir_version=10)


@pytest.mark.parametrize(
    ("kind", "feeds", "constants", "outputs", "attributes"),
    [
        ("Add", [zeros(3, 4), zeros(3, 5)], [], 1, {}),
        ("Reshape", [zeros(3, 4)], [ints(5, 5)], 1, {}),
        ("Reshape", [zeros(3, 4)], [ints(-1, 0, 7)], 1, {}),
        ("Expand", [zeros(3, 4)], [ints(3, 5)], 1, {}),
        ("Squeeze", [zeros(3, 4)], [ints(0)], 1, {}),
        ("Transpose", [zeros(3, 4)], [], 1, {"perm": [0, 0]}),
        ("Concat", [zeros(3, 4), zeros(3, 9)], [], 1, {"axis": 0}),
        ("Split", [zeros(3, 4)], [ints(3, 3)], 2, {"axis": 1}),
        ("Split", [zeros(3, 4)], [ints(-1, 5)], 2, {"axis": 1}),
        ("MatMul", [zeros(3, 4), zeros(5, 6)], [], 1, {}),
        ("Gemm", [zeros(3, 4), zeros(4, 6)], [], 1, {"transB": 1}),
        ("Conv", [zeros(1, 4, 8, 8)], [zeros(2, 3, 3, 3)], 1, {}),
        ("Conv", [zeros(1, 4, 8, 8)], [zeros(3, 2, 3, 3)], 1, {"group": 2}),
        ("Conv", [zeros(1, 4, 8, 8)], [zeros(2, 4, 3, 3), zeros(1)], 1, {}),
        ("LayerNormalization", [zeros(3, 4)], [zeros(5)], 1, {}),
        ("SkipLayerNormalization", [zeros(2, 3, 4), zeros(3, 5)], [zeros(4), zeros(4)], 1, {}),
        ("SkipLayerNormalization", [zeros(2, 3, 4), zeros(3, 4)], [zeros(4), zeros(3)], 1, {}),
        ("MatMulNBits", [zeros(2, 32)], [zeros(8, 1, 8, dtype=np.uint8), zeros(8)], 1, NBITS),
        ("MatMulNBits", [zeros(2, 32)], [zeros(8, 1, 16, dtype=np.uint8), zeros(7)], 1, NBITS),
        ("MatMulNBits", [zeros(2, 24)], [zeros(8, 1, 16, dtype=np.uint8), zeros(8)], 1, NBITS),
        (
            "MatMulNBits",
            [zeros(2, 32)],
            [zeros(8, 1, 16, dtype=np.uint8), zeros(8), zeros(2, dtype=np.uint8)],
            1,
            NBITS,
        ),
        (
            "GroupQueryAttention",
            [
                *(zeros(1, 2, 16), zeros(1, 2, 4), zeros(1, 2, 8), zeros(1, 1, 0, 8), zeros(1, 1, 0, 8)),
                *(zeros(1, dtype=np.int32), np.array([2], np.int32), zeros(9, 4), zeros(9, 4)),
            ],
            [],
            3,
            HEADS,
        ),
        (
            "GroupQueryAttention",
            [
                *(zeros(1, 2, 16), zeros(1, 2, 8), zeros(1, 2, 8), zeros(1, 1, 3, 4), zeros(1, 1, 3, 8)),
                *(zeros(1, dtype=np.int32), np.array([5], np.int32), zeros(9, 4), zeros(9, 4)),
            ],
            [],
            3,
            HEADS,
        ),
    ],
)
def test_shapes_that_do_not_fit(
    opencl_device: OpenClDevice, kind: str, feeds: list[Any], constants: list[Any], outputs: int, attributes: Any
) -> None:
    network = model(kind, feeds, constants, outputs, **attributes)
    assert opencl_device.supports(next(iter(network.graph))) == ""
    program = opencl_device.prepare(region_of(network, "opencl"))
    with pytest.raises(DeviceError, match="cannot run on inputs of these shapes"):
        program.run({f"x{number}": array for number, array in enumerate(feeds)})
    program.close()


def test_an_input_of_another_type(opencl_device: OpenClDevice) -> None:
    program = opencl_device.prepare(region_of(model("Relu", [zeros(3)], [], 1), "opencl"))
    with pytest.raises(DeviceError, match="dtype int8, and float32 is needed"):
        program.run({"x0": zeros(3, dtype=np.int8)})
    program.close()


def test_a_window_larger_than_its_image() -> None:
    node = ir.node("MaxPool", [ir.Value(name="x")], attributes={"kernel_shape": [5, 5], "strides": [2, 2]})
    slide = sliding(node, (5, 5), (2, 9))
    assert slide.output(2, 9) == (0, 3)
    assert slide.output(1, 9, ceil=True) == (0, 3)
