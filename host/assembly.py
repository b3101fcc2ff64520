"""Turn a split into a plan's regions and transfers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from weft.boards import Board
from weft.host.device import Device, Region
from weft.host.devices.names import kind, takes_designs
from weft.host.placement import Offer, Placed, Task, transfer_seconds
from weft.host.plan import Plan, Transfer
from weft.host.streams import ends
from weft.host.work import sample_bytes


def regions_of(task: Task, placed: Placed, offer: Offer | None) -> tuple[Region, ...]:
    """Regions in the order in which they run, named by device kind and number; what nobody reads is left out."""
    found: list[Region] = []
    network = task.network
    for device, numbers in placed.pieces:
        if offer is not None and device == offer.region.device:
            found.append(offer.region)
            continue
        inputs, outputs = network.ends(numbers)
        if not outputs:
            continue
        number = sum(kind(region.device) == kind(device) for region in found)
        region = Region(
            name=f"{kind(device)}{number}",
            device=device,
            nodes=network.names(numbers),
            inputs=inputs,
            outputs=outputs,
            model=network.model,
            reason=_why(task, device, numbers),
        )
        found.append(replace(region, predicted_s=task.devices[device].estimate(region).seconds))
    return tuple(found)


def transfers_of(regions: Sequence[Region], opened: Mapping[str, Device], board: Board) -> tuple[Transfer, ...]:
    """What crosses a device's link; the launch of an FPGA's region is counted with its first way in."""
    made = {name: region.name for region in regions for name in region.outputs}
    used = {name: region.name for region in regions for name in region.inputs}
    found = []
    for region in regions:
        if kind(region.device) == "cpu":
            continue
        launch = board.link.launch_us * 1e-6 if region.design is not None else 0.0
        device = opened[region.device]
        sizes = _sizes(region)
        for name in region.inputs:
            moved = launch + transfer_seconds(region.device, device, board, sizes[name])
            found.append(Transfer(made.get(name, "host"), region.name, sizes[name], moved))
            launch = 0.0
        for name in region.outputs:
            moved = transfer_seconds(region.device, device, board, sizes[name])
            found.append(Transfer(region.name, used.get(name, "host"), sizes[name], moved))
    return tuple(found)


def with_reason(plan: Plan, reason: str) -> Plan:
    """The plan with one reason for all its regions."""
    return replace(plan, regions=tuple(replace(region, reason=reason) for region in plan.regions))


def _why(task: Task, device: str, numbers: Sequence[int]) -> str:
    """Why nodes are on a device: the objective, or what the devices before it refuse."""
    names = list(task.devices)
    if task.wish.objective != "preference":
        return f"costs least here, by {task.wish.objective}"
    if names == ["cpu"]:
        return "the CPU is the only device that was asked for"
    before = names[: names.index(device)]
    for name in before:
        for number in numbers:
            if refusal := task.refusal(name, task.network.nodes[number]):
                return f"{task.network.nodes[number].name}: {refusal}"
    if not before:
        return "preferred, and it can run them"
    if takes_designs(before[0]):
        return "a board holds one design at a time, and the FPGA's region has more work"
    return f"too little work for a region of its own on {before[0]}"


def _sizes(region: Region) -> dict[str, int]:
    """Bytes of one sample of each end of a region: as its streams carry them on an FPGA, as the host holds them
    elsewhere."""
    if region.design is not None:
        return {tensor.onnx_name: tensor.stream_bytes for end in ends(region.design) for tensor in end}
    wanted, inside = {*region.inputs, *region.outputs}, set(region.nodes)
    nodes = [node for node in region.model.graph if node.name in inside]
    values = {value for node in nodes for value in (*node.inputs, *node.outputs) if value is not None}
    sizes = {value.name or "": sample_bytes(value) for value in values if value.name in wanted}
    return {name: sizes.get(name, 0) for name in wanted}  # a value that only a subgraph reads has no size of its own
