"""ONNX's Backend interface: what runs networks through it, its own conformance tests among them, runs them with weft.

import weft
prepared = weft.backend.prepare(model)               # on the CPU
prepared = weft.backend.prepare(model, "opencl,cpu") # on weft's devices, in order of preference
outputs = prepared.run([x])
onnx.backend.test.BackendTest(weft.backend.on("cpu"), __name__)
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import helper
from onnx.backend.base import Backend, BackendRep, namedtupledict

from weft.boards.errors import InputError
from weft.hls.passes.upgrade_opset import TARGET_OPSET
from weft.host.devices.names import parse_devices
from weft.host.planner import plan
from weft.host.session import Session

__all__ = ["Prepared", "WeftBackend", "on", "prepare", "run_model", "run_node", "supports_device"]

_BOARD = "pynq-z2"  # where no board is named: its processor is what predictions are for, which change no result


class Prepared(BackendRep):
    """A network made ready; `session` runs it."""

    def __init__(self, session: Session) -> None:
        self.session = session
        self._inputs = [argument.name for argument in session.get_inputs()]
        self._outputs = [argument.name for argument in session.get_outputs()]
        self._result = namedtupledict("Outputs", self._outputs)

    def run(self, inputs: Any, **kwargs: Any) -> tuple[Any, ...]:
        """Outputs, also by name, for arrays in the order of the network's inputs, or by name, or for the only input.

        Raises InputError for what does not fit the inputs, and DeviceError where a device fails.
        """
        if isinstance(inputs, np.ndarray):
            inputs = [inputs]
        if not isinstance(inputs, Mapping):
            if len(inputs) > len(self._inputs):
                raise InputError(f"{len(inputs)} arrays were given for {len(self._inputs)} inputs")
            inputs = dict(zip(self._inputs, inputs, strict=False))
        return tuple(self._result(*self.session.run(None, inputs)))


class WeftBackend(Backend):
    """ONNX's backend on the CPU; a device named "CPU" stands for `devices`, which `on` replaces."""

    devices = "cpu"

    @classmethod
    def supports_device(cls, device: str) -> bool:
        """Whether `device` is "CPU" or names of weft's devices, such as "opencl,cpu"."""
        try:
            parse_devices(cls._names(device))
        except InputError:
            return False
        return True

    @classmethod
    def prepare(cls, model: onnx.ModelProto, device: str = "CPU", *, board: str = _BOARD, **options: Any) -> Prepared:
        """Plan a network and open its devices; `options` are `weft.Session`'s.

        Raises ModelError for a network that is not valid or that no device runs, and InputError for a wrong device.
        """
        return Prepared(Session(plan(model, board=board, devices=cls._names(device)), **options))

    @classmethod
    def run_node(
        cls,
        node: onnx.NodeProto,
        inputs: Any,
        device: str = "CPU",
        outputs_info: Sequence[tuple[np.dtype[Any], tuple[int, ...]]] | None = None,
        **options: Any,
    ) -> tuple[Any, ...]:
        """One operator's outputs for arrays in the order of its inputs, or by name.

        `opset_version` among `options` is of the operator's domain; by default the newest that defines it.
        """
        version = options.pop("opset_version", _opset(node))
        given = inputs if isinstance(inputs, Mapping) else dict(zip(filter(None, node.input), inputs, strict=True))
        model = _model_of(node, given, outputs_info, version)
        return cls.run_model(model, given, device, **options)

    @classmethod
    def _names(cls, device: str) -> str:
        return cls.devices if device == "CPU" else device


def on(devices: str) -> type[WeftBackend]:
    """The backend whose device "CPU" is `devices`. Raises InputError for a name that weft lacks."""
    parse_devices(devices)
    return type("WeftBackend", (WeftBackend,), {"devices": devices})


def _opset(node: onnx.NodeProto) -> int:
    """The newest version that defines an operator; of standard ones at least the one that networks are brought to."""
    known = onnx.defs.has(node.op_type, node.domain)
    since = onnx.defs.get_schema(node.op_type, node.domain).since_version if known else 1
    return since if node.domain else max(since, TARGET_OPSET)


def _model_of(
    node: onnx.NodeProto,
    inputs: Mapping[str, NDArray[Any]],
    outputs_info: Sequence[tuple[np.dtype[Any], tuple[int, ...]]] | None,
    version: int,
) -> onnx.ModelProto:
    """A model that is one node; the outputs' types are inferred where `outputs_info` does not give them."""
    names = [name for name in node.output if name]
    described = zip(names, outputs_info, strict=True) if outputs_info else ()
    known = {name: _tensor(name, dtype, shape) for name, (dtype, shape) in described}
    graph = helper.make_graph(
        [node],
        node.op_type,
        [_tensor(name, np.asarray(value).dtype, np.shape(value)) for name, value in inputs.items()],
        [known.get(name, onnx.ValueInfoProto(name=name)) for name in names],
    )
    opsets = {"": TARGET_OPSET} | {node.domain: version}
    imports = [helper.make_opsetid(domain, opset) for domain, opset in opsets.items()]
    ir_version = helper.find_min_ir_version_for(imports, ignore_unknown=True)
    return onnx.shape_inference.infer_shapes(helper.make_model(graph, opset_imports=imports, ir_version=ir_version))


def _tensor(name: str, dtype: np.dtype[Any], shape: Sequence[int]) -> onnx.ValueInfoProto:
    return helper.make_tensor_value_info(name, helper.np_dtype_to_tensor_dtype(np.dtype(dtype)), shape)


prepare = WeftBackend.prepare
run_model = WeftBackend.run_model
run_node = WeftBackend.run_node
supports_device = WeftBackend.supports_device
