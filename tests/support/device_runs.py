"""One network on one device, and what ONNX Runtime says of it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import onnx
import onnx_ir as ir
import onnxruntime as ort
from numpy.typing import NDArray
from onnx import helper, numpy_helper

from weft.hls.load import load
from weft.host.device import Arrays, Device, Program, Region
from weft.host.graph import read_network


def region_of(model: ir.Model, device: str) -> Region:
    """The whole network as one region."""
    network = read_network(model)
    numbers = range(len(network.nodes))
    inputs, outputs = network.ends(numbers)
    return Region("all", device, network.names(numbers), inputs, outputs, model)


def prepared(device: Device, model: onnx.ModelProto) -> Program:
    """The network's program, after every node was found to be supported."""
    loaded = load(model)
    assert [device.supports(node) for node in loaded.graph if device.supports(node)] == []
    return device.prepare(region_of(loaded, device.name))


def run_on(device: Device, model: onnx.ModelProto, feeds: Mapping[str, NDArray[Any]]) -> Arrays:
    """Outputs by name, from a program that is closed again."""
    program = prepared(device, model)
    try:
        return program.run(feeds)
    finally:
        program.close()


def reference(model: onnx.ModelProto, feeds: Mapping[str, NDArray[Any]]) -> Arrays:
    """ONNX Runtime's outputs for the model as it stands."""
    session = ort.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    names = [output.name for output in session.get_outputs()]
    return dict(zip(names, map(np.asarray, session.run(names, dict(feeds))), strict=True))


def one_node(
    kind: str,
    inputs: Mapping[str, NDArray[Any]],
    constants: Mapping[str, NDArray[Any] | np.generic] | None = None,
    *,
    outputs: int = 1,
    batch: bool = False,
    order: str = "",
    domain: str = "",
    opset: int = 21,
    **attributes: Any,
) -> onnx.ModelProto:
    """A network of one node. Its inputs are `inputs`, then `constants`, or as `order` names them ("x,,w" leaves one
    out); with `batch` the first axis of every input is free."""
    given = dict(constants or {})
    names = order.split(",") if order else [*inputs, *given]
    ends = [f"y{number}" for number in range(outputs)]
    node = helper.make_node(kind, names, ends, name="node", domain=domain, **attributes)
    sources = [
        helper.make_tensor_value_info(
            name,
            helper.np_dtype_to_tensor_dtype(value.dtype),
            ["N", *value.shape[1:]] if batch and value.ndim else list(value.shape),
        )
        for name, value in inputs.items()
    ]
    targets = [helper.make_empty_tensor_value_info(name) for name in ends]
    weights = [numpy_helper.from_array(np.asarray(value), name) for name, value in given.items()]
    imports = [helper.make_opsetid("", opset), helper.make_opsetid("com.microsoft", 1)]
    graph = helper.make_graph([node], "one", sources, targets, weights)
    return _typed(helper.make_model(graph, opset_imports=imports, ir_version=10))


def _typed(model: onnx.ModelProto) -> onnx.ModelProto:
    """The model with its outputs' types, which ONNX Runtime knows for its own operators as well."""
    session = ort.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    names = {"float": np.float32, "double": np.float64}
    del model.graph.output[:]
    for end in session.get_outputs():
        kind = end.type.removeprefix("tensor(").removesuffix(")")
        element = helper.np_dtype_to_tensor_dtype(np.dtype(names.get(kind, kind)))
        model.graph.output.append(helper.make_tensor_value_info(end.name, element, end.shape))
    return model
