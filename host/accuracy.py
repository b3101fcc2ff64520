"""`Accuracy`: how good a plan's answers are. It is measured by `weft.host.evaluation`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal, get_args

Metric = Literal["accuracy", "agreement", "r2"]


@dataclass(frozen=True)
class Accuracy:
    """What was measured of a plan: `value`, on `samples` samples of the first output that is computed.

    `recipe` is how the network was quantised. `metric` is "accuracy", the share of answers that are the label's;
    "agreement", the share that the network as it was given answers alike; or "r2", the coefficient of determination
    (1 less the squared error over the variance of what was expected, as scikit-learn has it). `reference` is the same
    measure of the network as it was given, run by ONNX Runtime; None where its answers are what was expected.
    """

    recipe: str
    metric: Metric
    value: float
    reference: float | None
    samples: int

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Accuracy:
        """What `dataclasses.asdict` gave. Raises KeyError, TypeError or ValueError where it is something else."""
        metric, reference = data["metric"], data["reference"]
        if metric not in get_args(Metric):
            raise ValueError(f"metric {metric!r}")
        own = None if reference is None else float(reference)
        return cls(str(data["recipe"]), metric, float(data["value"]), own, int(data["samples"]))

    def __str__(self) -> str:
        if self.reference is None:
            return f"{self.recipe}: {self.written()} of {self.samples:,} samples, as the network given has them"
        own = replace(self, value=self.reference).written()
        return f"{self.recipe}: {self.written()} of {self.samples:,} samples, the network given: {own}"

    def written(self) -> str:
        """The value alone."""
        return f"R2 {self.value:.4f}" if self.metric == "r2" else f"{self.value:.2%}"
