"""Patterns of node names: as `re` reads them, but in bounded time."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from weft.boards.errors import InputError
from weft.host.node_pattern import matcher

ATOMS = st.sampled_from(["a", "b", ".", "[ab]", "[^a]", r"\w", r"\.", "/", "[a-c]"])


def patterns() -> st.SearchStrategy[str]:
    """Nested patterns that are not deep."""
    return st.recursive(
        ATOMS,
        lambda inner: st.one_of(
            st.tuples(inner, inner).map("".join),
            st.tuples(inner, inner).map("|".join).map(lambda text: f"({text})"),
            st.tuples(inner, st.sampled_from("*+?")).map(lambda pair: f"({pair[0]}){pair[1]}"),
        ),
        max_leaves=5,
    ).filter(lambda text: _depth(text) <= 3)


def _depth(text: str) -> int:
    depth = deepest = 0
    for letter in text:
        depth += (letter == "(") - (letter == ")")
        deepest = max(deepest, depth)
    return deepest


@given(patterns(), st.text("ab./c", max_size=8))
def test_as_re_matches(pattern: str, name: str) -> None:
    assert matcher(pattern)(name) == bool(re.fullmatch(pattern, name, re.DOTALL))


@pytest.mark.parametrize("pattern", ["(a+)+b", "((a*)*)*b", "(a|a)*b", "a*a*a*a*a*a*b", "(a?a?a?)*b"])
def test_no_pattern_takes_for_ever(pattern: str) -> None:
    """As they would where a matcher goes back: 2**300 ways."""
    assert not matcher(pattern)("a" * 300)


@pytest.mark.parametrize("pattern", ["(", "a)", "*", "[", "a{2}", "^a", "(?=a)", r"\1", "a**", "((((a))))", "a" * 201])
def test_what_cannot_be_read_is_said(pattern: str) -> None:
    with pytest.raises(InputError, match="pattern"):
        matcher(pattern)
