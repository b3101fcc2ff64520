"""Fabric counts add up."""

from __future__ import annotations

from dataclasses import fields

from hypothesis import given
from hypothesis import strategies as st

from weft.boards import Resources

RESOURCES = st.builds(Resources, *[st.integers(0, 10**9)] * len(fields(Resources)))


@given(RESOURCES, RESOURCES, RESOURCES)
def test_addition_is_by_name_and_in_any_order(a: Resources, b: Resources, c: Resources) -> None:
    total = a + b + c
    assert total == c + (b + a)
    assert total.as_dict() == {name: a.as_dict()[name] + b.as_dict()[name] + c.as_dict()[name] for name in a.as_dict()}
    assert a + Resources() == a


@given(RESOURCES, st.integers(0, 5))
def test_copies_are_a_repeated_sum(a: Resources, copies: int) -> None:
    assert a * copies == sum([a] * copies, Resources())
