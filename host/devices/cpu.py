"""The CPU: ONNX Runtime on the sub-model of a region."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache
from typing import Any

import numpy as np
import onnx_ir as ir
import onnx_ir.passes.common as common
import onnxruntime as ort
from numpy.typing import NDArray
from onnxruntime.capi.onnxruntime_pybind11_state import get_all_operator_schema

from weft.boards import Board
from weft.boards.errors import DeviceError, InputError, ModelError
from weft.hls.onnx_file import first_line
from weft.hls.runtime_session import open_session
from weft.host.cost import processor_profile
from weft.host.device import Arrays, Cost, Region


class CpuDevice:
    """ONNX Runtime on this machine."""

    name = "cpu"

    def __init__(self, board: Board, threads: int | None = None, affinity: str | None = None) -> None:
        """`threads` and `affinity` are ONNX Runtime's intra-op threads and `session.intra_op_thread_affinities`:
        numbers of logical processors from 1, such as "1,2;3,4", one group for each thread but the caller's.
        """
        if threads is not None and threads < 1:
            raise InputError(f"threads must be at least 1, not {threads}")
        if affinity is not None and (threads is None or affinity.count(";") != threads - 2):
            raise InputError(
                f"affinity {affinity!r} must name threads - 1 groups of processors, and threads is {threads}"
            )
        self._board = board
        self._threads = threads
        self._affinity = affinity

    def supports(self, node: ir.Node) -> str:
        """An empty string if ONNX Runtime has the operator, otherwise the reason."""
        domain = "" if node.domain == "ai.onnx" else node.domain
        if (domain, node.op_type) in _operators():
            return ""
        return f"ONNX Runtime has no operator {node.op_type!r} of domain {node.domain!r}"

    def estimate(self, region: Region) -> Cost:
        """Arithmetic or memory, whichever is slower, and a fixed cost per operator: see `weft.host.cost`."""
        names, profile = set(region.nodes), processor_profile(self._board)
        seconds = profile.seconds(node for node in region.model.graph if node.name in names)
        return Cost(seconds=seconds, energy_j=seconds * profile.watts)

    def prepare(self, region: Region) -> CpuProgram:
        """Make an ONNX Runtime session of the region. Raises ModelError where ONNX Runtime refuses it."""
        options = ort.SessionOptions()
        options.log_severity_level = 4  # what fails is raised
        if self._threads is not None:
            options.intra_op_num_threads = options.inter_op_num_threads = self._threads
        if self._affinity is not None:
            options.add_session_config_entry("session.intra_op_thread_affinities", self._affinity)
        return CpuProgram(region, options)

    def close(self) -> None:
        """Nothing to release."""


class CpuProgram:
    """One ONNX Runtime session. Contiguous inputs are read where they are, and outputs are ONNX Runtime's own memory:
    between two CPU regions nothing is copied.
    """

    def __init__(self, region: Region, options: ort.SessionOptions) -> None:
        self._name = region.name
        self._outputs = list(region.outputs)
        try:
            model = ir.to_proto(submodel(region.model, region.inputs, region.outputs)).SerializeToString()
            session = open_session(model, options)
        except Exception as error:  # ONNX Runtime's exceptions share no base below Exception
            raise ModelError(f"ONNX Runtime cannot load region {region.name!r}: {first_line(error)}") from error
        # InferenceSession.run is a Python wrapper that looks at the feeds before this, which looks at them again: of
        # the 6 to 12 us that a small network takes, it has one.
        self.call: Callable[..., Any] = getattr(session, "_sess", session).run

    def run(self, inputs: Mapping[str, NDArray[Any]]) -> Arrays:
        """Outputs by ONNX value name."""
        return dict(zip(self._outputs, self.run_named(self._outputs, dict(inputs)), strict=True))

    def run_named(self, outputs: list[str], inputs: dict[str, Any]) -> list[Any]:
        """Some of the outputs, in the order asked for; what ONNX Runtime refuses or fails at is a DeviceError."""
        try:
            return list(self.call(outputs, inputs, None))
        except DeviceError:
            raise
        except Exception as error:
            raise DeviceError(f"ONNX Runtime failed in region {self._name!r}: {first_line(error)}") from error

    def copies(self, inputs: Mapping[str, Any]) -> tuple[int, int]:
        """How many inputs ONNX Runtime copies before it reads them, and their bytes."""
        sizes = [size for value in inputs.values() if (size := _copied_bytes(value))]
        return len(sizes), sum(sizes)

    def cycles(self, samples: int) -> int | None:
        """The CPU has no cycle model."""
        return None

    def bytes_moved(self, samples: int) -> int:
        """Nothing crosses a link."""
        return 0

    def close(self) -> None:
        """Release the session; a second call does nothing."""
        self.call = self._closed

    def _closed(self, *_: Any) -> list[Any]:
        raise DeviceError(f"region {self._name!r} was closed; make a new session")


@cache
def _operators() -> frozenset[tuple[str, str]]:
    """Domain and kind of every operator that this ONNX Runtime knows."""
    return frozenset((schema.domain, schema.name) for schema in get_all_operator_schema())


def submodel(model: ir.Model, inputs: tuple[str, ...], outputs: tuple[str, ...]) -> ir.Model:
    """The part of a model between two sets of value names, as a model of its own with typed ends.

    All of a model is that model, whatever its ends are: sequences, optionals, tensors without a shape.
    """
    whole = [[value.name for value in end] for end in (model.graph.inputs, model.graph.outputs)]
    if whole == [list(inputs), list(outputs)]:
        return model
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


def _copied_bytes(value: Any) -> int:
    """The bytes of what ONNX Runtime cannot read where it is; of strings, only their pointers."""
    if not isinstance(value, np.ndarray):  # a sequence, element by element, or an optional that is empty
        return sum(np.asarray(item).nbytes for item in value or ())
    in_place = value.flags.c_contiguous and value.dtype.kind not in "OSU"
    return 0 if in_place else value.nbytes


def open_device(name: str, board: Board, threads: int | None) -> CpuDevice:
    """The device that `cpu` names."""
    return CpuDevice(board, threads)
