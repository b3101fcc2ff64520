"""An accuracy in words and in JSON."""

from __future__ import annotations

import json
from dataclasses import asdict, replace

import pytest

from weft.host.accuracy import Accuracy

RIGHT = Accuracy("fixed8", "accuracy", 0.972, 0.975, 1000)


def test_it_says_how_much_of_what() -> None:
    assert str(RIGHT) == "fixed8: 97.20% of 1,000 samples, the network given: 97.50%"
    alike = replace(RIGHT, metric="agreement", reference=None)
    assert str(alike) == "fixed8: 97.20% of 1,000 samples, as the network given has them"
    fit = replace(RIGHT, metric="r2", value=0.99871, reference=0.999)
    assert str(fit) == "fixed8: R2 0.9987 of 1,000 samples, the network given: R2 0.9990"


@pytest.mark.parametrize("accuracy", [RIGHT, replace(RIGHT, reference=None)])
def test_json_and_back(accuracy: Accuracy) -> None:
    assert Accuracy.from_json(json.loads(json.dumps(asdict(accuracy)))) == accuracy


@pytest.mark.parametrize("change", [{"metric": "luck"}, {"value": "much"}, {"samples": None}])
def test_foreign_json_is_refused(change: dict[str, object]) -> None:
    with pytest.raises((TypeError, ValueError)):
        Accuracy.from_json({**asdict(RIGHT), **change})
