"""How to quantise a network so that its plan is the best of those that are accurate enough.

Plans are made of the network in float, where no FPGA is used, and of what each recipe of `compress` makes of it. A
wider type is taken never to cost less: 16 bits are planned only where no plan of 8 bits is accurate enough, and 16
bits for some layers (`weft.hls.mixed_widths`) only where those for all layers would be, at a higher cost.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from functools import partial

import onnx_ir as ir

from weft.boards.errors import InputError
from weft.hls.calibrate import checked
from weft.hls.compress import Recipe, compress
from weft.hls.mixed_widths import widened
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


def choose(model: ir.Model, goal: Goal, plan_of: PlanOf, in_float: PlanOf | None, settled: str) -> Plan:
    """The plan of the least value among those that are accurate enough; of equal ones the most accurate.

    Args:
        model: the network, loaded.
        goal: what is accurate enough.
        plan_of: plans a network.
        in_float: plans it without the FPGA; None where there is no other device.
        settled: what the network's types are called where there is no choice; empty where there is.

    Raises:
        InputError: no plan is accurate enough; the sentence says which comes closest. Or what no plan could be made of.

    """
    tried = _Tried(goal)
    if settled:
        tried.add(settled, partial(plan_of, model))
        return tried.best()

    def calibrated(network: ir.Model) -> Plan:
        plan = plan_of(network)
        return replace(plan, notes=(_SAME, *plan.notes)) if goal.same else plan

    def quantised(recipe: Recipe) -> Plan | None:
        return tried.add(recipe, lambda: calibrated(compress(model, recipe, calibration=goal.calibration).model))

    if in_float is not None:
        tried.add("float", partial(in_float, model))
    narrow = [plan for plan in (quantised("fixed8"), quantised("int8")) if plan is not None]
    if any(map(tried.enough, narrow if any(map(_on_fpga, narrow)) else tried.plans)):
        return tried.best()
    wide = quantised("fixed16")
    cheaper = wide is None or (tried.enough(wide) and any(plan.value < wide.value for plan in narrow))
    for names, mixed in widened(model, goal.calibration) if narrow and cheaper else ():
        plan = tried.add(f"fixed8 with {' and '.join(names)} at 16 bits", partial(calibrated, mixed))
        if plan is not None and tried.enough(plan):
            break
    return tried.best()


@dataclass
class _Tried:
    """What was planned, and why other things could not be."""

    goal: Goal
    plans: list[Plan] = field(default_factory=list)
    failures: dict[str, InputError] = field(default_factory=dict)

    def add(self, recipe: str, made: Callable[[], Plan]) -> Plan | None:
        """Plan and measure; None where that cannot be planned."""
        try:
            plan = made()
            plan = replace(plan, accuracy=self.goal.evaluation.of(plan, recipe))
        except InputError as error:
            self.failures[recipe] = error
            return None
        self.plans.append(plan)
        return plan

    def enough(self, plan: Plan) -> bool:
        """Whether a plan is accurate enough."""
        return _accuracy(plan).value >= self.goal.least

    def best(self) -> Plan:
        """The best plan, with what is to be said of it. Raises InputError where none is accurate enough."""
        if not self.plans:
            raise next(iter(self.failures.values()))
        enough = [plan for plan in self.plans if self.enough(plan)]
        if not enough:
            raise self._too_inaccurate()
        best = min(enough, key=lambda plan: (plan.value, -_accuracy(plan).value))
        return replace(best, notes=(*self._notes(best), *best.notes))

    def _too_inaccurate(self) -> InputError:
        closest = max(map(_accuracy, self.plans), key=lambda accuracy: accuracy.value)
        rest = "".join(f"; no plan of {recipe}: {error}" for recipe, error in self.failures.items())
        return InputError(
            f"no plan reaches min_accuracy {self.goal.least:g}: the best is {closest}; lower it, or train the network "
            f"further{rest}"
        )

    def _notes(self, best: Plan) -> Iterator[str]:
        yield f"{best.accuracy}."
        others = [
            f"{_accuracy(plan).recipe} {_accuracy(plan).written()} at {quantity(plan.objective, plan.value)}"
            for plan in self.plans
            if _accuracy(plan) is not best.accuracy
        ]
        others += [f"no plan of {recipe} ({error})" for recipe, error in self.failures.items()]
        if others:
            yield f"Beside it: {', '.join(others)}."


def _on_fpga(plan: Plan) -> bool:
    return any(region.design is not None for region in plan.regions)


def _accuracy(plan: Plan) -> Accuracy:
    assert plan.accuracy is not None
    return plan.accuracy
