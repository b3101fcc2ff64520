r"""Regular expressions of node names, matched whole in bounded time.

Python's `re` backtracks: `(a+)+b` takes exponential time on a name that a stranger chose. Here a pattern is evaluated
on sets of positions, each position once a repetition, so time is bounded by the pattern's and the name's lengths.
Supported are literals, `.`, classes such as `[a-z]` and `\w \d \s`, groups, `|`, `*`, `+` and `?`.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from weft.boards.errors import InputError

Ends = Callable[[str, frozenset[int]], frozenset[int]]  # where a match can end, for each place where it can begin

_LONGEST = 200  # characters of a pattern
_DEEPEST = 3  # groups within groups: each may multiply the time by the length of the name
_ATOM = re.compile(r"\\[wWdDsS]|\\[^A-Za-z0-9]|\[\^?\]?[^\]\\]*(?:\\.[^\]\\]*)*\]|[^\\\[\](){}*+?|^$]")


def matcher(pattern: str) -> Callable[[str], bool]:
    """A function that says whether a whole name matches. Raises InputError for a pattern that cannot be read."""
    if len(pattern) > _LONGEST:
        raise InputError(f"pattern {pattern[:20]!r}... has {len(pattern)} characters: {_LONGEST} are allowed")
    ends, rest = _alternatives(pattern, pattern, 0)
    if rest:
        raise _unreadable(pattern, rest)
    return lambda name: len(name) in ends(name, frozenset({0}))


def _alternatives(text: str, pattern: str, depth: int) -> tuple[Ends, str]:
    first, text = _sequence(text, pattern, depth)
    choices = [first]
    while text.startswith("|"):
        another, text = _sequence(text[1:], pattern, depth)
        choices.append(another)
    return (lambda name, starts: frozenset().union(*(choice(name, starts) for choice in choices))), text


def _sequence(text: str, pattern: str, depth: int) -> tuple[Ends, str]:
    parts: list[Ends] = []
    while text and text[0] not in "|)":
        part, text = _repeated(text, pattern, depth)
        parts.append(part)

    def ends(name: str, places: frozenset[int]) -> frozenset[int]:
        for part in parts:
            places = part(name, places)
        return places

    return ends, text


def _repeated(text: str, pattern: str, depth: int) -> tuple[Ends, str]:
    if text.startswith("("):
        if depth >= _DEEPEST:
            raise InputError(f"pattern {pattern!r} nests groups deeper than {_DEEPEST}: write it more simply")
        once, rest = _alternatives(text[1:], pattern, depth + 1)
        if not rest.startswith(")"):
            raise _unreadable(pattern, text)
        rest = rest[1:]
    else:
        once, rest = _atom(text, pattern)
    mark = rest[:1]
    if mark not in tuple("*+?"):
        return once, rest
    if rest[1:2] in tuple("*+?"):
        raise _unreadable(pattern, rest)
    return (_optional(once) if mark == "?" else _many(once, mark == "*")), rest[1:]


def _atom(text: str, pattern: str) -> tuple[Ends, str]:
    """One character: compiled by `re`, which cannot backtrack over one."""
    found = _ATOM.match(text)
    if not found:
        raise _unreadable(pattern, text)
    try:
        one = re.compile(found[0], re.DOTALL)
    except re.error:
        raise _unreadable(pattern, text) from None

    def ends(name: str, starts: frozenset[int]) -> frozenset[int]:
        return frozenset(place + 1 for place in starts if one.match(name, place, place + 1))

    return ends, text[found.end() :]


def _optional(once: Ends) -> Ends:
    return lambda name, starts: starts | once(name, starts)


def _many(once: Ends, also_none: bool) -> Ends:
    def ends(name: str, starts: frozenset[int]) -> frozenset[int]:
        seen = new = once(name, starts)
        while new := once(name, new) - seen:
            seen |= new
        return seen | starts if also_none else seen

    return ends


def _unreadable(pattern: str, rest: str) -> InputError:
    return InputError(
        f"pattern {pattern!r} cannot be read at {rest[:10]!r}: use letters, '.', [classes], \\w \\d \\s, (groups), "
        "'|', '*', '+', '?', and a backslash before any other mark"
    )
