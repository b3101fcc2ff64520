"""How to quantise a network so that its plan is the best of those that are accurate enough.

Plans are made of the network in float, where no FPGA is used, and of what each recipe of `compress` makes of it. A
wider type is taken never to cost less: 16 bits are planned only where no plan of 8 bits is accurate enough.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial

import onnx_ir as ir

from weft.boards.errors import InputError
from weft.hls.calibrate import checked
from weft.hls.compress import Recipe, compress
from weft.host.accuracy import Accuracy
from weft.host.evaluation import Data, Evaluation, read_evaluation
from weft.host.plan import Plan
from weft.host.tables import quantity

_SAME = "Types were calibrated on the samples that were evaluated, so other samples may be answered less well."
PlanOf = Callable[[ir.Model], Plan]


@dataclass(frozen=True)
class Goal:
    """The least accuracy, what it is measured on, what types are calibrated on, and whether that is the same data."""

    least: float
    evaluation: Evaluation
    calibration: Data
    same: bool


def read_goal(model: ir.Model, least: float, evaluation: Data | None, calibration: Data | None) -> Goal:
    """The goal that `weft.plan` was given. Raises InputError for a share or data that cannot be."""
    if not 0 < least <= 1:
        raise InputError(f"min_accuracy is a share above 0 and at most 1, not {least}")
    data = calibration if evaluation is None else evaluation
    if data is None:
        raise InputError("min_accuracy is measured on data: give evaluation, and other samples as calibration")
    measured = read_evaluation(model, data)
    if calibration is None or calibration is data:
        return Goal(least, measured, measured.feeds, same=True)
    return Goal(least, measured, checked(model, calibration), same=False)


def choose(model: ir.Model, goal: Goal, plan_of: PlanOf, in_float: PlanOf, settled: str) -> Plan:
    """The plan of the least value among those that are accurate enough; of equal ones the most accurate.

    Args:
        model: the network, loaded.
        goal: what is accurate enough.
        plan_of: plans a network.
        in_float: plans it without the FPGA.
        settled: what the network's types are called where there is no choice; empty where there is.

    Raises:
        InputError: no plan is accurate enough; the sentence says which comes closest. Or what no plan could be made of.

    """
    tried: list[Plan] = []
    failures: dict[str, InputError] = {}
    enough: list[Plan] = []
    for choices in _rounds(model, goal, plan_of, in_float, settled):
        for recipe, made in choices.items():
            try:
                plan = made()
            except InputError as error:
                failures[recipe] = error
            else:
                tried.append(replace(plan, accuracy=goal.evaluation.of(plan, recipe)))
        enough = [plan for plan in tried if _accuracy(plan).value >= goal.least]
        if enough and (any(map(_on_fpga, enough)) or not any(map(_on_fpga, tried))):
            break
    if not tried:
        raise next(iter(failures.values()))
    if not enough:
        raise _too_inaccurate(goal, tried, failures)
    best = min(enough, key=lambda plan: (plan.value, -_accuracy(plan).value))
    return replace(best, notes=(*_notes(best, tried, failures), *best.notes))


def _rounds(
    model: ir.Model, goal: Goal, plan_of: PlanOf, in_float: PlanOf, settled: str
) -> Iterator[dict[str, Callable[[], Plan]]]:
    """What to plan, by its name; a round is needed where those before it are not accurate enough on the FPGA."""
    if settled:
        yield {settled: partial(plan_of, model)}
        return

    def quantised(recipe: Recipe) -> Plan:
        plan = plan_of(compress(model, recipe, calibration=goal.calibration).model)
        return replace(plan, notes=(_SAME, *plan.notes)) if goal.same else plan

    narrow: tuple[Recipe, ...] = ("fixed8", "int8")
    yield {"float": partial(in_float, model), **{recipe: partial(quantised, recipe) for recipe in narrow}}
    yield {"fixed16": partial(quantised, "fixed16")}


def _on_fpga(plan: Plan) -> bool:
    return any(region.design is not None for region in plan.regions)


def _accuracy(plan: Plan) -> Accuracy:
    assert plan.accuracy is not None
    return plan.accuracy


def _too_inaccurate(goal: Goal, tried: Sequence[Plan], failures: Mapping[str, InputError]) -> InputError:
    best = max((_accuracy(plan) for plan in tried), key=lambda accuracy: accuracy.value)
    rest = "".join(f"; no plan of {recipe}: {error}" for recipe, error in failures.items())
    return InputError(
        f"no plan reaches min_accuracy {goal.least:g}: the best is {best}; lower it, or train the network further{rest}"
    )


def _notes(best: Plan, tried: Sequence[Plan], failures: Mapping[str, InputError]) -> Iterator[str]:
    yield f"{best.accuracy}."
    others = [
        f"{_accuracy(plan).recipe} {_accuracy(plan).written()} at {quantity(plan.objective, plan.value)}"
        for plan in tried
        if plan is not best
    ]
    others += [f"no plan of {recipe} ({error})" for recipe, error in failures.items()]
    if others:
        yield f"Beside it: {', '.join(others)}."
