"""A plan as a drawing: DOT for Graphviz, or an SVG of its own with one box a region."""

from __future__ import annotations

from collections.abc import Iterator
from html import escape

from weft.host.device import Region
from weft.host.devices.names import kind
from weft.host.plan import Plan
from weft.host.tables import seconds
from weft.host.work import sample_bytes

_COLOURS = {"fpga": "#cfe8cf", "opencl": "#f6e3b4", "cpu": "#d6e0f0"}
_WIDTH, _HEIGHT, _GAP, _MARGIN = 240, 64, 48, 16  # pixels


def plan_dot(plan: Plan) -> str:
    """The plan in Graphviz's DOT language: nodes of the network, in a cluster for each region."""
    number = {node.name: index for index, node in enumerate(plan.model.graph)}
    operators = {node.name: node.op_type for node in plan.model.graph}
    lines = ["digraph plan {", "  node [shape=box, style=filled, fillcolor=white]"]
    for index, region in enumerate(plan.regions):
        lines.append(f"  subgraph cluster_{index} {{")
        lines.append(f"    label={_quoted(_title(region))}; style=filled; fillcolor={_quoted(_colour(region))}")
        lines += [f"    n{number[name]} [label={_quoted(f'{name}: {operators[name]}')}]" for name in region.nodes]
        lines.append("  }")
    for node in plan.model.graph:
        for value in node.outputs:
            readers = dict.fromkeys(reader.name for reader, _ in value.uses() if reader.name in number)
            lines += [f"  n{number[node.name]} -> n{number[reader]}" for reader in readers]
    return "\n".join([*lines, "}", ""])


def plan_svg(plan: Plan) -> str:
    """The plan as an SVG image: a box for each region, in layers by what must run before what; arrows carry bytes."""
    edges = _edges(plan)
    rows = _layers(plan, edges)
    places = {
        name: (_MARGIN + column * (_WIDTH + _GAP), _MARGIN + row * (_HEIGHT + _GAP))
        for row, names in enumerate(rows)
        for column, name in enumerate(names)
    }
    width = 2 * _MARGIN + max((len(row) for row in rows), default=1) * (_WIDTH + _GAP) - _GAP
    height = 2 * _MARGIN + max(len(rows), 1) * (_HEIGHT + _GAP) - _GAP
    head = f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" font-family="sans-serif">'
    arrow = '<marker id="a" markerWidth="8" markerHeight="8" refX="7" refY="4" orient="auto">'
    head += f'<defs>{arrow}<path d="M0 0 8 4 0 8z"/></marker></defs>'
    body = [
        *(line for edge, count in edges.items() for line in _arrow(places[edge[0]], places[edge[1]], count)),
        *(line for region in plan.regions for line in _box(region, *places[region.name])),
    ]
    return "\n".join([head, *body, "</svg>", ""])


def _edges(plan: Plan) -> dict[tuple[str, str], int]:
    """Bytes of one sample between each two regions."""
    sizes = {
        value.name: sample_bytes(value) for node in plan.model.graph for value in node.outputs if value.name is not None
    }
    made = {name: region.name for region in plan.regions for name in region.outputs}
    edges: dict[tuple[str, str], int] = {}
    for region in plan.regions:
        for name in region.inputs:
            if name in made:
                edge = (made[name], region.name)
                edges[edge] = edges.get(edge, 0) + sizes.get(name, 0)
    return edges


def _layers(plan: Plan, edges: dict[tuple[str, str], int]) -> list[list[str]]:
    """Regions by the longest way that leads to them."""
    depth: dict[str, int] = {}
    for region in plan.regions:  # in an order in which they can run
        depth[region.name] = max((depth[source] + 1 for source, target in edges if target == region.name), default=0)
    return [
        [name for name, level in depth.items() if level == row] for row in range(max(depth.values(), default=-1) + 1)
    ]


def _box(region: Region, left: int, top: int) -> Iterator[str]:
    size = f'x="{left}" y="{top}" width="{_WIDTH}" height="{_HEIGHT}" rx="6"'
    yield f"<g><title>{escape(_printable(region.reason))}</title>"  # shown under the pointer
    yield f'<rect {size} fill="{_colour(region)}" stroke="#555"/>'
    for line, text in enumerate((_title(region), f"{len(region.nodes)} nodes")):
        yield f'<text x="{left + 12}" y="{top + 26 + 20 * line}" font-size="14">{escape(text)}</text>'
    yield "</g>"


def _arrow(start: tuple[int, int], end: tuple[int, int], count: int) -> Iterator[str]:
    x1, y1 = start[0] + _WIDTH // 2, start[1] + _HEIGHT
    x2, y2 = end[0] + _WIDTH // 2, end[1]
    yield f'<line x1="{x1}" y1="{y1}" x2="{x2}" y2="{y2}" stroke="#555" marker-end="url(#a)"/>'
    yield f'<text x="{(x1 + x2) // 2 + 6}" y="{(y1 + y2) // 2 + 4}" font-size="12">{count:,} bytes</text>'


def _title(region: Region) -> str:
    return f"{region.name} on {region.device}, {seconds(region.predicted_s)}"


def _colour(region: Region) -> str:
    return _COLOURS.get(kind(region.device), "#eeeeee")


def _quoted(text: str) -> str:
    """A DOT string."""
    return '"' + _printable(text).replace("\\", "\\\\").replace('"', '\\"') + '"'


def _printable(text: str) -> str:
    """Names come from strangers: neither language takes control characters."""
    return "".join(letter if letter.isprintable() else " " for letter in text)
