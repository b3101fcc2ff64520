"""Board files: find one, read it, check every key, and say which key of which file is wrong."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import fields, is_dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Annotated, Any, Literal, get_args, get_origin, get_type_hints

from weft.boards.board import Board, Pattern, Range
from weft.boards.errors import BoardError
from weft.boards.resources import Resources

_FOLDER = Path(__file__).resolve().parent
_MAXIMUM_BYTES = 64 * 1024  # a board file has two or three kilobytes; a wrong path should not fill the memory
_COUNT = Annotated[int, Range(0, 1e8)]
_SHARE = Annotated[float, Range(0, 1)]


def board_names() -> list[str]:
    """Names of the boards that weft knows, sorted."""
    return sorted(path.stem for path in _FOLDER.glob("*.toml"))


def load_board(board: str | Path | Board) -> Board:
    """A board by its name, by the path of its .toml file, or itself.

    Raises BoardError: no board has that name, or a key of the file is missing, unknown, or of a wrong type or range.
    """
    if isinstance(board, Board):
        return board
    name = str(board)
    if name.endswith(".toml"):
        return _read(Path(name))
    if name in (names := board_names()):
        return _read(_FOLDER / f"{name}.toml")
    raise BoardError(
        f"there is no board {_shown(name)}{_did_you_mean(name.lower(), names)}: "
        "list them with `weft boards`, or give the path of your own board's .toml file"
    )


def _read(path: Path) -> Board:
    file = f"board file {str(path)!r}"
    try:
        with path.open("rb") as stream:
            data = stream.read(_MAXIMUM_BYTES + 1)
    except (OSError, ValueError) as error:  # ValueError: a null byte in the path
        raise BoardError(f"{file} cannot be read: {getattr(error, 'strerror', None) or error}") from None
    if len(data) > _MAXIMUM_BYTES:
        raise BoardError(f"{file} is longer than {_MAXIMUM_BYTES // 1024} KiB, so it is not a board file")
    try:
        document = tomllib.loads(data.decode())
    except (ValueError, RecursionError) as error:
        raise BoardError(f"{file} is not TOML: {error}") from None
    board: Board = _value(Board, document, file, "")
    if board.clock.default_mhz > board.clock.maximum_mhz:
        raise BoardError(f"{file}: clock.default_mhz must not exceed clock.maximum_mhz, {board.clock.maximum_mhz:g}")
    return board


def _value(wanted: Any, value: object, file: str, key: str) -> Any:
    """`value` as the type `wanted`, checked."""
    if is_dataclass(wanted):
        assert isinstance(wanted, type)
        return wanted(**_table(_types(wanted), value, file, key))
    if get_origin(wanted) is dict:
        return _table({each.name: _SHARE for each in fields(Resources)}, value, file, key)
    problem = _problem(wanted, value)
    if problem:
        raise BoardError(f"{file}: {key} must be {problem}, but is {_shown(value)}")
    return float(value) if _kind(wanted) is float else value  # type: ignore[arg-type]  # _problem saw a number


def _types(dataclass: type) -> dict[str, Any]:
    """A dataclass's fields, each with its type and limits."""
    hints = get_type_hints(dataclass, include_extras=True)
    return {each.name: _COUNT if dataclass is Resources else hints[each.name] for each in fields(dataclass)}


def _table(wanted: Mapping[str, Any], value: object, file: str, key: str) -> dict[str, Any]:
    """A table with exactly the wanted keys."""
    if not isinstance(value, dict):
        raise BoardError(f"{file}: {key} must be a table, [{key}], but is {_shown(value)}")
    prefix = f"{key}." if key else ""
    for name in value:
        if name not in wanted:
            raise BoardError(f"{file}: unknown key {prefix}{_plain(name)}{_did_you_mean(name, wanted, prefix)}")
    for name in wanted:
        if name not in value:
            raise BoardError(f"{file}: the key {prefix}{name} is missing")
    return {name: _value(kind, value[name], file, f"{prefix}{name}") for name, kind in wanted.items()}


def _problem(wanted: Any, value: object) -> str:
    """What the value should have been; "" where it is right."""
    if get_origin(wanted) is Literal:
        choices = get_args(wanted)
        return "" if value in choices else " or ".join(repr(choice) for choice in choices)
    limit = get_args(wanted)[1]
    if isinstance(limit, Pattern):
        right = isinstance(value, str) and re.fullmatch(limit.expression, value)
        return "" if right else f"text of {limit.words}"
    whole = _kind(wanted) is int
    # bool is a subclass of int, and `true` is no figure; NaN is in no range.
    right = type(value) in ((int,) if whole else (int, float)) and limit.low <= value <= limit.high
    return "" if right else f"a {'whole ' if whole else ''}number from {limit.low:g} to {limit.high:g}"


def _kind(wanted: Any) -> object:
    """`Annotated[int, ...]` is int."""
    return get_args(wanted)[0]


def _did_you_mean(name: str, known: Iterable[str], prefix: str = "") -> str:
    close = get_close_matches(name[:80], list(known), n=1, cutoff=0)
    return f", the nearest is {prefix}{close[0]}" if close else ""


def _shown(value: object) -> str:
    """A stranger's value in a message: one line, not too long."""
    if isinstance(value, dict | list):
        return "a table" if isinstance(value, dict) else "a list"
    if isinstance(value, int) and value.bit_length() > 200:
        return "a number of very many digits"  # repr() of one with over 4,300 raises ValueError
    text = ascii(value)
    return text if len(text) <= 80 else f"{text[:77]}..."


def _plain(name: str) -> str:
    """A key as it may be written bare in TOML, or shown in quotes."""
    return name if re.fullmatch(r"[A-Za-z0-9_-]{1,40}", name) else _shown(name)
