"""Tables for people: boards, plans."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.table import Table

from weft.boards import Board

if TYPE_CHECKING:
    from weft.host.cost import Profile
    from weft.host.plan import Plan


def plan_table(plan: Plan) -> Table:
    """One row a region, one a layer of the FPGA's design, one a transfer."""
    title = f"{plan.name} on {plan.board.name}: {seconds(plan.predicted_s)} predicted for one inference"
    if plan.objective != "preference":
        title += f"; {plan.objective} {quantity(plan.objective, plan.value)}, at most {plan.gap:.1%} above the best"
    if plan.accuracy is not None:
        title += f"; {plan.accuracy}"
    table = Table(title=title, title_justify="left")
    table.add_column("region", no_wrap=True)
    table.add_column("device", overflow="fold")
    table.add_column("nodes", justify="right")
    table.add_column("predicted", justify="right", no_wrap=True)
    table.add_column("why", overflow="fold")
    for region in plan.regions:
        count = str(len(region.nodes))
        table.add_row(region.name, region.device, count, seconds(region.predicted_s), region.reason)
        for layer in region.design.layers if region.design else ():
            if layer.weights:
                table.add_row(f"  {layer.name}", "", "", "", f"{layer.strategy}, reuse factor {layer.reuse_factor}")
    for move in plan.transfers:
        table.add_row(f"{move.source} > {move.target}", "", "", seconds(move.predicted_s), f"{move.bytes:,} bytes")
    return table


def quantity(objective: str, value: float) -> str:
    """A plan's value with the unit of its objective."""
    if objective == "energy":
        return f"{value * 1e6:.3g} uJ"
    return f"{value:.1%} of the work elsewhere" if objective == "preference" else seconds(value)


def board_table(board: Board) -> Table:
    """What a board has."""
    table = Table(title=f"{board.title} ({board.name})", title_justify="left", show_header=False)
    usable = board.usable_resources.as_dict()
    table.add_row("part", board.part)
    for name, count in board.resources.as_dict().items():
        table.add_row(name.upper(), f"{count:,} ({usable[name]:,} usable)")
    table.add_row("clock", f"{board.clock.default_mhz:g} MHz, at most {board.clock.maximum_mhz:g} MHz")
    table.add_row("memory", f"{board.memory.bytes / 2**20:,.0f} MiB, {board.memory.bytes_per_s / 1e9:.1f} GB/s")
    table.add_row(
        "link", f"{board.link.kind}, {board.link.bytes_per_s / 1e9:.1f} GB/s, {board.link.launch_us:g} us a launch"
    )
    table.add_row("processor", f"{board.host.cores} x {board.host.name} at {board.host.mhz:g} MHz")
    return table


def seconds(value: float) -> str:
    """A duration with the unit that suits it."""
    for unit, scale in (("s", 1.0), ("ms", 1e-3), ("us", 1e-6)):
        if value >= scale:
            return f"{value / scale:.3g} {unit}"
    return f"{value / 1e-9:.3g} ns"


def size(count: float) -> str:
    """A number of bytes with the unit that suits it."""
    for unit, scale in (("GiB", 2**30), ("MiB", 2**20), ("KiB", 2**10)):
        if count >= scale:
            return f"{count / scale:.1f} {unit}"
    return f"{count:,.0f} bytes"


def profile_table(profile: Profile) -> Table:
    """What a processor was measured at."""
    table = Table(title="this machine's processor", title_justify="left", show_header=False)
    for family, rate in profile.operations_per_s.items():
        table.add_row(family, f"{rate / 1e9:.3g} G operations/s")
    table.add_row("memory", f"{profile.bytes_per_s / 1e9:.3g} GB/s")
    table.add_row("caches", f"{profile.cached_bytes_per_s / 1e9:.3g} GB/s")
    table.add_row("a node", seconds(profile.node_s))
    table.add_row("a region", seconds(profile.run_s))
    table.add_row("power", f"{profile.watts:g} W, by its architecture: not measured")
    return table
