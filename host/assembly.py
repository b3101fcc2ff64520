"""Turn a split into a plan's regions and transfers."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

from weft.boards import Board
from weft.host.device import Device, Region
from weft.host.devices.names import kind, takes_designs
from weft.host.placement import Offer, Placed, Task, reconfiguration_seconds, transfer_seconds
from weft.host.plan import Plan, Transfer
from weft.host.streams import ends
from weft.host.tables import seconds
from weft.host.work import sample_bytes
from weft.sim.host_cost import tensor_copy_us


def regions_of(task: Task, placed: Placed, offers: Sequence[Offer]) -> tuple[Region, ...]:
    """Regions in the order in which they run, named by device kind and number; what nobody reads is left out."""
    found: list[Region] = []
    network = task.network
    designs = {frozenset(offer.numbers): offer.region for offer in offers}
    for device, numbers in placed.pieces:
        name = f"{kind(device)}{sum(kind(region.device) == kind(device) for region in found)}"
        if takes_designs(device):
            found.append(replace(designs[frozenset(numbers)], name=name))
            continue
        inputs, outputs = network.ends(numbers)
        if not outputs:
            continue
        region = Region(
            name=name,
            device=device,
            nodes=network.names(numbers),
            inputs=inputs,
            outputs=outputs,
            model=network.model,
            reason=_why(task, device, numbers, placed),
        )
        found.append(replace(region, predicted_s=task.devices[device].estimate(region).seconds))
    return tuple(replace(region, reason=region.reason + _beside(region, found, task.board)) for region in found)


def _beside(region: Region, regions: Sequence[Region], board: Board) -> str:
    """What a region's reason has to add where it is not alone on the FPGA."""
    others = [each for each in regions if each.design is not None and each.name != region.name]
    if region.design is None or not others:
        return ""
    wait = reconfiguration_seconds(regions, board)
    if wait:
        return f"; {region.overlay} is loaded for it, {seconds(wait)} before each batch"
    return f"; it shares {region.overlay} with {', '.join(each.name for each in others)}"


def transfers_of(regions: Sequence[Region], opened: Mapping[str, Device], board: Board) -> tuple[Transfer, ...]:
    """What crosses a device's link. For an FPGA's region the host also packs and unpacks each stream (quantising,
    channels last); its bitstream and its launch are counted with its first way in."""
    made = {name: region.name for region in regions for name in region.outputs}
    used = {name: region.name for region in regions for name in region.inputs}
    found = []
    start = board.link.launch_us * 1e-6 + reconfiguration_seconds(regions, board)
    for region in regions:
        if kind(region.device) == "cpu":
            continue
        launch = start if region.design is not None else 0.0
        device = opened[region.device]
        sizes, packing = _sizes(region), _packing_seconds(region, board)
        for name in region.inputs:
            moved = launch + packing.get(name, 0.0) + transfer_seconds(region.device, device, board, sizes[name])
            found.append(Transfer(made.get(name, "host"), region.name, sizes[name], moved))
            launch = 0.0
        for name in region.outputs:
            moved = packing.get(name, 0.0) + transfer_seconds(region.device, device, board, sizes[name])
            found.append(Transfer(region.name, used.get(name, "host"), sizes[name], moved))
    return tuple(found)


def with_reason(plan: Plan, reason: str) -> Plan:
    """The plan with one reason for all its regions."""
    return replace(plan, regions=tuple(replace(region, reason=reason) for region in plan.regions))


def _crowded_out(task: Task, device: str, numbers: Sequence[int], placed: Placed) -> Iterator[str]:
    """Of other devices that could run some of the nodes, those whose memory is too small for all they would have."""
    nodes = [task.network.nodes[number] for number in numbers]
    for name, why in placed.crowded.items():
        if name != device and not all(task.refusal(name, node) for node in nodes):
            yield why


def _why(task: Task, device: str, numbers: Sequence[int], placed: Placed) -> str:
    """Why nodes are on a device: the objective, what the devices before it refuse, or other devices' memory."""
    names, crowded = list(task.devices), list(_crowded_out(task, device, numbers, placed))
    if task.wish.objective != "preference":
        return "; ".join((f"costs least here, by {task.wish.objective}", *crowded))
    if names == ["cpu"]:
        return "the CPU is the only device that was asked for"
    before = names[: names.index(device)]
    for name in before:
        for number in numbers:
            if refusal := task.refusal(name, task.network.nodes[number]):
                return "; ".join((f"{task.network.nodes[number].name}: {refusal}", *crowded))
    if crowded:
        return "; ".join(crowded)
    if not before:
        return "preferred, and it can run them"
    if takes_designs(before[0]):
        return "what the FPGA has room for has more work"
    return f"too little work for a region of its own on {before[0]}"


def _packing_seconds(region: Region, board: Board) -> dict[str, float]:
    """What the host takes to pack or unpack one sample of each end of an FPGA's region; of others nothing is said."""
    tensors = () if region.design is None else (tensor for end in ends(region.design) for tensor in end)
    return {tensor.onnx_name: tensor_copy_us(tensor, board) * 1e-6 for tensor in tensors}


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
