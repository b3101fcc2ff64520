"""The CPU: ONNX Runtime on the sub-model of a region."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import onnx
import onnx_ir as ir
import onnx_ir.passes.common as common
from numpy.typing import NDArray

from weft.boards import Board
from weft.boards.errors import DeviceError, InputError, ModelError
from weft.host.device import Arrays, Cost, Region
from weft.host.work import operations

# What ONNX Runtime's default build registers (docs/OperatorKernels.md); anything else is a foreign operator to it.
_CONTRIBUTED = frozenset({"com.microsoft"})
_STANDARD = frozenset({"", "ai.onnx", "ai.onnx.ml"})
# Chains of 2 and 200 small operators in ONNX Runtime 1.32, batch 1, x86-64 at 2.9 GHz: 6.2 us and 102 us.
_CYCLES_PER_NODE = 1_400
_CYCLES_PER_RUN = 15_000


class CpuDevice:
    """ONNX Runtime on this machine; predictions are for the board's own processor."""

    name = "cpu"

    def __init__(self, board: Board, threads: int | None = None) -> None:
        if threads is not None and threads < 1:
            raise InputError(f"threads must be at least 1, not {threads}")
        self._board = board
        self._threads = threads

    def supports(self, node: ir.Node) -> str:
        """An empty string if ONNX Runtime has the operator, otherwise the reason."""
        if node.domain in _CONTRIBUTED:
            return ""
        if node.domain in _STANDARD and onnx.defs.has(node.op_type, node.domain.removeprefix("ai.onnx")):
            return ""
        if node.domain == "ai.onnx.ml" and onnx.defs.has(node.op_type, "ai.onnx.ml"):
            return ""
        return f"ONNX Runtime has no operator {node.op_type!r} of domain {node.domain!r}"

    def estimate(self, region: Region) -> Cost:
        """Arithmetic at the board's processor rate plus a fixed cost per operator."""
        names = set(region.nodes)
        nodes = [node for node in region.model.graph if node.name in names]
        arithmetic = sum(operations(node) for node in nodes) / (self._board.host.gflops_per_s * 1e9)
        calls = (_CYCLES_PER_RUN + _CYCLES_PER_NODE * len(nodes)) / (self._board.host.mhz * 1e6)
        return Cost(seconds=arithmetic + calls)

    def prepare(self, region: Region) -> CpuProgram:
        """Make an ONNX Runtime session of the region. Raises ModelError where ONNX Runtime refuses it."""
        return CpuProgram(region, self._threads)

    def close(self) -> None:
        """Nothing to release."""


class CpuProgram:
    """One ONNX Runtime session."""

    def __init__(self, region: Region, threads: int | None) -> None:
        import onnxruntime as ort

        options = ort.SessionOptions()
        options.log_severity_level = 3
        if threads is not None:
            options.intra_op_num_threads = options.inter_op_num_threads = threads
        self._name = region.name
        self._outputs = list(region.outputs)
        try:
            model = ir.to_proto(submodel(region.model, region.inputs, region.outputs)).SerializeToString()
            self._session: ort.InferenceSession | None = ort.InferenceSession(
                model, options, providers=["CPUExecutionProvider"]
            )
        except Exception as error:  # ONNX Runtime's exceptions share no base below Exception
            raise ModelError(f"ONNX Runtime cannot load region {region.name!r}: {_first_line(error)}") from error

    def run(self, inputs: Mapping[str, NDArray[Any]]) -> Arrays:
        """Outputs by ONNX value name."""
        if self._session is None:
            raise DeviceError(f"region {self._name!r} was closed; make a new session")
        try:
            results = self._session.run(self._outputs, dict(inputs))
        except Exception as error:
            raise DeviceError(f"ONNX Runtime failed in region {self._name!r}: {_first_line(error)}") from error
        return {name: np.asarray(value) for name, value in zip(self._outputs, results, strict=True)}

    def cycles(self, samples: int) -> int | None:
        """The CPU has no cycle model."""
        return None

    def bytes_moved(self, samples: int) -> int:
        """Nothing crosses a link."""
        return 0

    def close(self) -> None:
        """Release the session."""
        self._session = None


def submodel(model: ir.Model, inputs: tuple[str, ...], outputs: tuple[str, ...]) -> ir.Model:
    """The part of a model between two sets of value names, as a model of its own with typed ends."""
    graph = ir.convenience.extract(model.graph, list(inputs), list(outputs))
    part = ir.Model(graph, ir_version=model.ir_version, functions=list(model.functions.values()))
    untyped = [value.name for value in (*graph.inputs, *graph.outputs) if value.type is None]
    if untyped:
        # ONNX Runtime rejects a sub-model whose ends have no element type.
        common.ShapeInferencePass()(part)
        untyped = [value.name for value in (*graph.inputs, *graph.outputs) if value.type is None]
    if untyped:
        raise ModelError(f"the element type of tensor {untyped[0]!r} is unknown, so the network cannot be cut there")
    return part


def _first_line(error: Exception) -> str:
    return str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__


def open_device(name: str, board: Board, threads: int | None) -> CpuDevice:
    """The device that `cpu` names."""
    return CpuDevice(board, threads)
