"""Parts of a region that fits the FPGA which may be worth more there than the whole: the processor takes the rest."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from weft.boards import Board
from weft.host.cost import processor_profile
from weft.host.device import Region
from weft.host.graph import Network
from weft.host.objectives import BATCH
from weft.host.regions import parts
from weft.host.work import sample_bytes

_SMALLEST_GAIN = 0.01  # of the cost: for less, a part is not worth the seconds in which it is tuned


@dataclass(frozen=True)
class Whole:
    """A region that fits: its nodes' numbers, with the design and the report of all of them."""

    network: Network
    numbers: tuple[int, ...]
    region: Region
    board: Board


def gaining_parts(whole: Whole, objective: str, known: float) -> list[tuple[int, ...]]:
    """Convex parts of a region that, in closed form, cost less by the objective (seconds or joules) than the whole on
    the FPGA and than `known`, a plan without it; those of the least cost first, with the fewest bytes at their ends.

    The fabric is taken to lose all that the layers outside take by the report, although they work at the same time as
    others: a part is missed only where it gains by being tuned anew with more of the fabric.
    """
    network, numbers = whole.network, whole.numbers
    starts = [number for number in numbers if network.work[number]]
    found = {part for part in parts(numbers, starts, network.predecessors) if any(network.work[n] for n in part)}
    limit = (1 - _SMALLEST_GAIN) * min(_least(whole, numbers, objective), known)
    costs = {part: _least(whole, part, objective) for part in found}
    gaining = [part for part, cost in costs.items() if cost < limit]
    return sorted(gaining, key=lambda part: (costs[part], _end_bytes(network, part), part))


def _least(whole: Whole, part: Sequence[int], objective: str) -> float:
    """What the region costs at least with a part on the FPGA and the rest on the processor."""
    report, board, design = whole.region.report, whole.board, whole.region.design
    assert report is not None
    assert design is not None
    rest = sorted(set(whole.numbers) - set(part))
    names = set(whole.network.names(rest))
    away = {layer.name for layer in design.layers if names & set(layer.onnx_nodes)}
    clock_s = report.clock_ns * 1e-9
    packing_s = _end_bytes(whole.network, part) / board.host.copy_bytes_per_s
    launch_s, elsewhere = board.link.launch_us * 1e-6, _on_processor(whole, rest, objective)
    saved_s = sum(row.latency_cycles.worst for row in report.layers if row.name in away) * clock_s
    latency_s = max(0.0, report.latency_us * 1e-6 - saved_s)
    if objective == "latency":
        return launch_s + packing_s + latency_s + elsewhere
    if objective == "throughput":
        rows = (row.interval_cycles.worst for row in report.layers if row.name not in away)
        interval = max(rows, default=0) if away else report.interval_cycles.worst
        return max(interval * clock_s + packing_s + launch_s / BATCH, elsewhere)
    dynamic_j = sum(row.energy_uj for row in report.layers if row.name not in away) * 1e-6
    waiting_j = (launch_s + packing_s) * processor_profile(board).watts
    return dynamic_j + latency_s * board.power.static_w + waiting_j + elsewhere


def _on_processor(whole: Whole, numbers: Sequence[int], objective: str) -> float:
    """What nodes cost on the processor; nothing where there are none."""
    profile = processor_profile(whole.board)
    nodes = [whole.network.nodes[number] for number in numbers]
    taken_s = profile.seconds(nodes, BATCH if objective == "throughput" else 1) if nodes else 0.0
    return taken_s * profile.watts if objective == "energy" else taken_s


def _end_bytes(network: Network, numbers: Sequence[int]) -> int:
    """Bytes of one sample that enter or leave a set of nodes, as the host holds them."""
    names = {name for end in network.ends(numbers) for name in end}
    values = {value for n in numbers for value in (*network.nodes[n].inputs, *network.nodes[n].outputs) if value}
    return sum(sample_bytes(value) for value in values if value.name in names)
