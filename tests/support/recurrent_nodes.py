"""One recurrent layer as an ONNX node, its shapes known and its weights zero."""

from __future__ import annotations

import numpy as np
import onnx_ir as ir
from onnx import TensorProto, helper, numpy_helper

GATES = {"LSTM": 4, "GRU": 3, "RNN": 1}


def recurrent(operator: str, shape: list[int | str], cells: int, *, batch_first: bool = False) -> ir.Node:
    """A layer in one direction; `shape` is its input's, (steps, batch, features) unless `batch_first`."""
    node = helper.make_node(operator, ["x", "w", "r"], ["y"], hidden_size=cells, layout=int(batch_first))
    wide, features = GATES[operator] * cells, int(shape[2])
    graph = helper.make_graph(
        [node],
        "g",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, shape)],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, [shape[0], 1, shape[1], cells])],
        [
            numpy_helper.from_array(np.zeros((1, wide, features), np.float32), "w"),
            numpy_helper.from_array(np.zeros((1, wide, cells), np.float32), "r"),
        ],
    )
    return next(iter(ir.from_proto(helper.make_model(graph)).graph))
