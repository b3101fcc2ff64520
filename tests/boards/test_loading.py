"""Board files: found by name or path, and each mistake named by file and key."""

from __future__ import annotations

import copy
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import tomli_w
from hypothesis import example, given
from hypothesis import strategies as st

from weft.boards import Board, BoardError, InputError, board_names, load_board

Document = dict[str, Any]
BUNDLED = Path(__file__).resolve().parents[2] / "boards"
VALID: Document = tomllib.loads((BUNDLED / "pynq-z2.toml").read_text())


def leaves(document: Document, prefix: str = "") -> Iterator[str]:
    """Every key that holds a value, dotted."""
    for name, value in document.items():
        if isinstance(value, dict):
            yield from leaves(value, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}"


TABLES = [name for name, value in VALID.items() if isinstance(value, dict)]
KEYS = list(leaves(VALID))
NUMBERS = [
    key for key in KEYS if "." in key and key not in ("memory.kind", "link.kind", "host.name", "host.architecture")
]
INTEGERS = [
    "resources.lut",
    "resources.uram",
    "memory.bytes",
    "memory.burst_bytes",
    "memory.latency_cycles",
    "host.cores",
]


def changed(key: str, *value: Any) -> Document:
    """The valid document with that key set, or removed if no value is given."""
    document = copy.deepcopy(VALID)
    *path, last = key.split(".")
    table = document
    for name in path:
        table = table[name]
    if value:
        table[last] = value[0]
    else:
        del table[last]
    return document


def refusal(folder: Path, document: Document | str | bytes) -> str:
    """The message for that document; every one is one line and names the file."""
    file = folder / "mine.toml"
    if isinstance(document, dict):
        document = tomli_w.dumps(document)
    file.write_bytes(document if isinstance(document, bytes) else document.encode())
    with pytest.raises(BoardError) as caught:
        load_board(file)
    message = str(caught.value)
    assert repr(str(file)) in message
    assert "\n" not in message
    return message


# ---------------------------------------------------------------- finding a board


def test_a_name_a_path_and_a_board_give_the_same(tmp_path: Path) -> None:
    board = load_board("pynq-z2")
    mine = tmp_path / "mine.toml"
    mine.write_bytes((BUNDLED / "pynq-z2.toml").read_bytes())
    assert load_board(board) is board
    assert load_board(mine) == load_board(str(mine)) == load_board(Path("pynq-z2")) == board


@pytest.mark.parametrize("name", board_names())
def test_every_file_is_named_as_its_board(name: str) -> None:
    assert load_board(name).name == name


@pytest.mark.parametrize(
    ("wrong", "nearest"),
    [
        ("pynq-z3", "pynq-z2"),
        ("PYNQ_Z2", "pynq-z2"),
        ("kria260", "kv260"),
        ("u55c", "alveo-u55c"),
        ("zcu-104", "zcu104"),
    ],
)
def test_unknown_name_gives_the_nearest_and_how_to_list(wrong: str, nearest: str) -> None:
    with pytest.raises(BoardError, match=rf"no board '{wrong}', the nearest is {nearest}: .*`weft boards`"):
        load_board(wrong)


@pytest.mark.parametrize("wrong", ["", "../pynq-z2", "boards/pynq-z2", "a\nb", "x" * 100_000, "\0", "\ud800"])
def test_strange_names_are_refused_in_one_short_line(wrong: str) -> None:
    with pytest.raises(BoardError) as caught:
        load_board(wrong)
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 400


def test_no_such_file(tmp_path: Path) -> None:
    with pytest.raises(BoardError, match=r"none\.toml' cannot be read: No such file"):
        load_board(tmp_path / "none.toml")


def test_a_folder_is_no_file(tmp_path: Path) -> None:
    (tmp_path / "folder.toml").mkdir()
    with pytest.raises(BoardError, match=r"folder\.toml' cannot be read: Is a directory"):
        load_board(tmp_path / "folder.toml")


@pytest.mark.parametrize("path", ["a\0.toml", "x" * 300 + ".toml", "\ud800.toml"])
def test_impossible_paths(path: str) -> None:
    with pytest.raises(BoardError, match="cannot be read"):
        load_board(path)


def test_the_users_fault() -> None:
    assert issubclass(BoardError, InputError)


# ---------------------------------------------------------------- what a file says


def test_too_long_for_a_board_file(tmp_path: Path) -> None:
    assert "longer than 64 KiB" in refusal(tmp_path, "#" * 65_537)


@pytest.mark.parametrize(
    "text", [b"name = ", b"\xff\xfe", b"name = 1\nname = 2\n", b"x = " + b"[" * 30_000, b"x = " + b"9" * 5_000, b"\0"]
)
def test_not_toml(tmp_path: Path, text: bytes) -> None:
    assert "is not TOML: " in refusal(tmp_path, text)


@pytest.mark.parametrize("key", KEYS + TABLES)
def test_missing_key(tmp_path: Path, key: str) -> None:
    assert f"the key {key} is missing" in refusal(tmp_path, changed(key))


@pytest.mark.parametrize("table", ["", *(f"{name}." for name in TABLES)])
def test_unknown_key(tmp_path: Path, table: str) -> None:
    assert f"unknown key {table}colour" in refusal(tmp_path, changed(f"{table}colour", "red"))


def test_unknown_key_gives_the_nearest(tmp_path: Path) -> None:
    message = refusal(tmp_path, changed("resources.luts", 1))
    assert "unknown key resources.luts, the nearest is resources.lut" in message


def test_unknown_key_is_shown_in_one_line(tmp_path: Path) -> None:
    assert r"unknown key 'a\nb'" in refusal(tmp_path, changed("a\nb", 1))


@pytest.mark.parametrize("key", KEYS)
def test_wrong_type(tmp_path: Path, key: str) -> None:
    for value in (True, [1], {"a": 1}):
        assert f"{key} must be " in refusal(tmp_path, changed(key, value))


@pytest.mark.parametrize("table", TABLES)
def test_a_value_where_a_table_belongs(tmp_path: Path, table: str) -> None:
    assert f"{table} must be a table, [{table}], but is 3" in refusal(tmp_path, changed(table, 3))


@pytest.mark.parametrize("key", NUMBERS)
def test_wrong_number(tmp_path: Path, key: str) -> None:
    for value in (-1, 10**30, 10**4000, float("nan"), float("inf"), "12"):
        assert f"{key} must be a " in refusal(tmp_path, changed(key, value))


@pytest.mark.parametrize("key", INTEGERS)
def test_counts_are_whole(tmp_path: Path, key: str) -> None:
    message = refusal(tmp_path, changed(key, 128.5))
    assert f"{key} must be a whole number from " in message
    assert message.endswith("but is 128.5")


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("name", "a/b"),
        ("name", "../x"),
        ("name", "pynq-z2\n"),
        ("name", ""),
        ("part", "xc7z020; exec rm"),
        ("part", "ep4ce6"),
        ("pynq_name", 'a"b'),
        ("title", "two\nlines"),
        ("title", ""),
        ("family", "versal"),
        ("link.kind", "usb"),
        ("host.architecture", "riscv64"),
        ("host.name", "\x1b[31m"),
    ],
)
def test_wrong_text(tmp_path: Path, key: str, value: str) -> None:
    assert f"{key} must be " in refusal(tmp_path, changed(key, value))


@pytest.mark.parametrize(
    ("key", "value"),
    [("clock.default_mhz", 0.1), ("memory.bytes_per_s", 2.1), ("memory.efficiency", 85), ("usable.lut", 70)],
)
def test_a_slip_of_unit_is_out_of_range(tmp_path: Path, key: str, value: float) -> None:
    assert f"{key} must be a number from " in refusal(tmp_path, changed(key, value))


def test_default_clock_above_the_maximum(tmp_path: Path) -> None:
    message = refusal(tmp_path, changed("clock.default_mhz", 251))
    assert message.endswith("clock.default_mhz must not exceed clock.maximum_mhz, 250")


def test_whole_numbers_become_floats_where_a_float_belongs(tmp_path: Path) -> None:
    file = tmp_path / "mine.toml"
    file.write_text(tomli_w.dumps(changed("clock.default_mhz", 125)))
    assert type(load_board(file).clock.default_mhz) is float
    assert load_board(file).clock.period_ns == 8.0


# ---------------------------------------------------------------- whatever it says


def loads_or_refuses(path: Path, text: bytes) -> None:
    path.write_bytes(text)
    try:
        board = load_board(path)
    except BoardError as error:
        assert str(path) in str(error)
        assert "\n" not in str(error)
    else:
        assert isinstance(board, Board)
        assert 0 < board.clock.period_ns <= 1000
        assert all(
            0 <= count <= board.resources.as_dict()[name] for name, count in board.usable_resources.as_dict().items()
        )


@pytest.fixture(scope="module")
def scratch(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One file, written over by every example."""
    return tmp_path_factory.mktemp("boards") / "mine.toml"


SCALARS = (
    st.integers(-(2**70), 2**70)
    | st.floats()
    | st.booleans()
    | st.text(st.characters(exclude_categories=["Cs"]), max_size=60)
    | st.dates()
    | st.datetimes()
)
VALUES = st.recursive(
    SCALARS, lambda each: st.lists(each, max_size=3) | st.dictionaries(st.text("ab\n", max_size=3), each, max_size=3)
)


@given(st.lists(st.tuples(st.sampled_from(KEYS + TABLES), st.none() | VALUES), min_size=1, max_size=3))
def test_any_value_anywhere(scratch: Path, changes: list[tuple[str, Any]]) -> None:
    document = copy.deepcopy(VALID)
    for key, value in changes:
        *path, last = key.split(".")
        table: Any = document
        for name in path:
            table = table.get(name, {}) if isinstance(table, dict) else {}
        if not isinstance(table, dict):
            continue
        if value is None:
            table.pop(last, None)
        else:
            table[last] = value
    loads_or_refuses(scratch, tomli_w.dumps(document).encode())


@given(
    st.integers(0, len(tomli_w.dumps(VALID))),
    st.integers(0, 40),
    st.binary(max_size=20) | st.text('0123456789.e-_"[]={}\n#abx', max_size=20).map(str.encode),
)
@example(0, 0, b"\r")
def test_any_bytes_anywhere(scratch: Path, start: int, length: int, replacement: bytes) -> None:
    text = tomli_w.dumps(VALID).encode()
    loads_or_refuses(scratch, text[:start] + replacement + text[start + length :])
