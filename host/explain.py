"""`explain`: why a node is where it is, and what the next best place would cost."""

from __future__ import annotations

from typing import Any

from weft.boards.errors import InputError, WeftError
from weft.host.devices.names import kind
from weft.host.plan import Plan
from weft.host.planner import plan
from weft.host.tables import quantity, seconds


def explain(model: Any, planned: Plan, node: str, **options: Any) -> str:
    """Sentences on where `planned`, made of `model` with `options`, has a node, and on the plan without it there.

    Raises InputError for a node that the network lacks.
    """
    region = next((region for region in planned.regions if node in region.nodes), None)
    if region is None:
        known = ", ".join(repr(name) for region in planned.regions for name in region.nodes[:5])
        raise InputError(f"the plan has no node {node!r}: it has {known}, ...")
    here = f"{node} runs in {region.name} on {region.device}: {region.reason}."
    try:
        other = plan(model, **options, without=(kind(region.device), node))
    except WeftError as error:
        return f"{here} It can be nowhere else: {error}."
    there = next(region for region in other.regions if node in region.nodes)
    return f"{here} The next best is {there.device}: {_price(other)} in place of {_price(planned)}."


def _price(plan: Plan) -> str:
    price = f"{seconds(plan.predicted_s)} an inference"
    return price if plan.objective in ("preference", "latency") else f"{quantity(plan.objective, plan.value)} ({price})"
