"""What operators cost on a processor: a roofline for each family of operators, and a fixed cost of each call.

The rates come from a profile of this machine (`weft profile`), kept in the user's cache folder under the machine and
ONNX Runtime's version, or else from the board's figures for its own processor.
"""

from __future__ import annotations

import json
import os
import platform
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from hashlib import sha256
from importlib.metadata import version
from math import inf, isfinite, prod
from pathlib import Path

import onnx_ir as ir

from weft.boards import Board
from weft.hls.compiler import cache_folder
from weft.hls.files import private_folder, written_aside
from weft.host.work import operations, sample_bytes, sample_shape, steps

SCHEMA = "weft-profile/1"
# Chains of 2 and 200 small operators in ONNX Runtime 1.32, batch 1, x86-64 at 2.9 GHz: 6.2 us and 102 us.
_CYCLES_PER_NODE = 1_400
_CYCLES_PER_RUN = 15_000
# [assumption] an eight-channel DDR4-2666 server reaches half of its 170 GB/s; only PCIe cards stand in such a host
_SERVER_BYTES_PER_S = 8.5e10
# [assumption] what the processor and its memory draw while they compute, by architecture: a Zynq-7000's part of a
# PYNQ-Z2; the 3.5 W that boards/*.toml take off llama-fpga's 6.57 W (arXiv 2502.10659) on a KV260; a server's socket
_WATTS = {"armv7l": 1.5, "aarch64": 3.5, "x86_64": 150.0}

CACHED_BYTES = 4 << 20  # [assumption] what stays in a processor's caches from one sample to the next
MATRIX, CONVOLUTION, FUNCTION, ELEMENTWISE, MOVEMENT = "matrix", "convolution", "function", "elementwise", "movement"
FAMILIES = (MATRIX, CONVOLUTION, FUNCTION, ELEMENTWISE, MOVEMENT)
_FAMILY = {
    **dict.fromkeys(("MatMul", "Gemm", "MatMulNBits", "MatMulInteger", "Einsum", "LSTM", "GRU", "RNN"), MATRIX),
    **dict.fromkeys(("Conv", "ConvTranspose", "ConvInteger"), CONVOLUTION),
    **dict.fromkeys(
        (
            "Softmax",
            "LogSoftmax",
            "Exp",
            "Log",
            "Tanh",
            "Sigmoid",
            "Erf",
            "Gelu",
            "Pow",
            "LayerNormalization",
            "Softplus",
        ),
        FUNCTION,
    ),
    **dict.fromkeys(("Transpose", "Concat", "Slice", "Split", "Gather", "Pad", "Expand", "Tile", "Cast"), MOVEMENT),
}
_FLOAT_BYTES = 4
# What a step of a recurrent layer calls in ONNX Runtime: the products with its state, of which a GRU has two, and the
# gates. 200 steps of 16 cells take 0.30 us each (LSTM) and 0.60 us (GRU) where a small node takes 0.17 us.
_STEP_CALLS = {"LSTM": 2, "GRU": 3, "RNN": 2}
_FREE = frozenset({"Reshape", "Flatten", "Squeeze", "Unsqueeze", "Identity", "Dropout", "Constant", "Shape"})


@dataclass(frozen=True)
class Profile:
    """Rates of one processor: operations a second by family, bytes a second from memory and, for nodes that move at
    most `CACHED_BYTES`, from its caches; seconds a call of a node and of a region, and watts while it computes."""

    operations_per_s: dict[str, float]
    bytes_per_s: float
    cached_bytes_per_s: float
    node_s: float
    run_s: float
    watts: float
    measured: bool = False

    def seconds(self, nodes: Iterable[ir.Node], samples: int = 1) -> float:
        """Time of one sample in a batch of `samples`, which share the calls."""
        return sum(self._work_s(node) + _calls(node) * self.node_s / samples for node in nodes) + self.run_s / samples

    def _work_s(self, node: ir.Node) -> float:
        """The slower of arithmetic and memory; views of the same bytes are free."""
        if node.op_type in _FREE:
            return 0.0
        if node.op_type in _STEP_CALLS:
            return self._recurrent_s(node)
        family = _FAMILY.get(node.op_type, ELEMENTWISE)
        return self._slower_s(family, operations(node), moved_bytes(node, family))

    def _recurrent_s(self, node: ir.Node) -> float:
        """One product of all steps' inputs; then the steps, each of which waits for the state of the one before, reads
        the state's weights anew (1 MiB in 13 us) and applies the gates."""
        state = sample_shape(node.inputs[2])  # directions, gates x cells, cells
        recurrent, count = 2 * prod(state), steps(node)
        ahead = self._slower_s(MATRIX, operations(node) - count * recurrent, moved_bytes(node))
        product = self._slower_s(MATRIX, recurrent, prod(state) * _FLOAT_BYTES)
        return ahead + count * (product + prod(state[:2]) / self.operations_per_s[FUNCTION])

    def _slower_s(self, family: str, work: int, moved: int) -> float:
        """Seconds of `work` operations or of `moved` bytes, whichever takes longer."""
        bandwidth = self.cached_bytes_per_s if moved <= CACHED_BYTES else self.bytes_per_s
        return max(work / self.operations_per_s[family], moved / bandwidth)


def _calls(node: ir.Node) -> int:
    """Calls of kernels in a node: one, and those of a recurrent layer's steps in each direction."""
    if node.op_type not in _STEP_CALLS:
        return 1
    return 1 + steps(node) * _STEP_CALLS[node.op_type] * (sample_shape(node.inputs[2]) or (1,))[0]


def moved_bytes(node: ir.Node, family: str = "") -> int:
    """Bytes that a node reads and writes; what only moves values, such as Gather, reads no more than it writes."""
    written = sum(sample_bytes(value) for value in node.outputs)
    if family == MOVEMENT:
        return 2 * written
    return written + sum(sample_bytes(value) for value in node.inputs if value is not None)


def board_profile(board: Board) -> Profile:
    """The profile of a board's own processor, from the board's figures."""
    own = board.link.kind == "axi"  # processor and fabric share the board's memory
    bandwidth = board.memory.bytes_per_s * board.memory.efficiency if own else _SERVER_BYTES_PER_S
    return Profile(
        operations_per_s=dict.fromkeys(FAMILIES, board.host.gflops_per_s * 1e9),
        bytes_per_s=bandwidth,
        cached_bytes_per_s=bandwidth,
        node_s=_CYCLES_PER_NODE / (board.host.mhz * 1e6),
        run_s=_CYCLES_PER_RUN / (board.host.mhz * 1e6),
        watts=_WATTS[board.host.architecture],
    )


def processor_profile(board: Board) -> Profile:
    """The profile that was measured of this machine, where regions on the CPU run, or else the board's."""
    return kept_profile() or board_profile(board)


def processor_memory_bytes(board: Board) -> float:
    """The memory that regions on the CPU have: this machine's where its processor was measured, or else the board's
    own; infinite beside a card, whose host's memory no board file says."""
    if processor_profile(board).measured:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return board.memory.bytes if board.link.kind == "axi" else inf


def machine_watts() -> float:
    """What this machine's processor draws by its architecture; a server's where it is another one."""
    return _WATTS.get(platform.machine(), _WATTS["x86_64"])


def kept_profile() -> Profile | None:
    """What `weft profile` kept of this machine; None where it was never run, or for another version."""
    try:
        data = json.loads(_path().read_text(encoding="utf-8"))
        if data.pop("schema") != SCHEMA or data.pop("machine") != machine():
            return None
        rates = {family: float(data["operations_per_s"][family]) for family in FAMILIES}
        numbers = {
            name: float(data[name]) for name in ("bytes_per_s", "cached_bytes_per_s", "node_s", "run_s", "watts")
        }
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return None
    if not all(isfinite(number) and number > 0 for number in (*rates.values(), *numbers.values())):
        return None
    return Profile(rates, **numbers, measured=True)


def keep_profile(profile: Profile) -> Path:
    """Keep a profile of this machine. Raises ToolError where the cache folder cannot be used."""
    path = _path()
    private_folder(path.parent, "WEFT_CACHE_DIR")
    data = {"schema": SCHEMA, "machine": machine(), **asdict(profile)}
    del data["measured"]
    with written_aside(path) as part:
        part.write_text(json.dumps(data, indent=1) + "\n", encoding="utf-8")
    return path


def machine() -> str:
    """The machine and its driver: architecture, processor, cores, ONNX Runtime's version."""
    return f"{platform.machine()}, {_processor()}, {os.cpu_count()} cores, ONNX Runtime {version('onnxruntime')}"


def _processor() -> str:
    """The processor's name, which Linux alone says in a file."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor()
    return next(
        (line.partition(":")[2].strip() for line in lines if line.startswith("model name")), platform.processor()
    )


def _path() -> Path:
    return cache_folder() / "profiles" / f"{sha256(machine().encode()).hexdigest()[:16]}.json"
