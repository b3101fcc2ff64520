"""What `weft calibrate` found, kept in the user's config folder: one row for each reported layer.

    <config folder>/calibration.toml     schema, then [[rows]]: family, tool, kind, strategy, io, layer, source, digest,
                                         and reported over predicted for each figure

An estimate takes the median over a kind's rows: one odd layer does not bend the others.
"""

from __future__ import annotations

import os
import tomllib
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from math import isfinite
from pathlib import Path
from statistics import median
from typing import Any

import tomli_w
from platformdirs import user_config_path

from weft.boards.errors import ArtefactError
from weft.hls.files import private_folder, written_aside
from weft.sim.calibration.reports import FIGURES
from weft.sim.cost.correction import Correction, Corrections

_SCHEMA = "weft-calibration/1"
_LARGEST = 16 << 20  # bytes; a row is about 250
_WORDS = ("family", "tool", "kind", "strategy", "io", "layer", "source", "digest")


@dataclass(frozen=True)
class StoredRow:
    """One reported layer. `ratios` are reported over predicted, by figure."""

    family: str
    tool: str
    kind: str
    strategy: str
    io: str
    layer: str
    source: str
    digest: str
    ratios: Mapping[str, float]

    @property
    def origin(self) -> tuple[str, str, str, str]:
        """What two rows of one report's layer have in common."""
        return self.family, self.tool, self.digest, self.layer


def config_folder() -> Path:
    """Where weft keeps what it was told: $WEFT_CONFIG_DIR, or the user's config folder."""
    given = os.environ.get("WEFT_CONFIG_DIR")
    return Path(given) if given else user_config_path("weft")


def calibration_file() -> Path:
    """The file that corrections are kept in; it need not be there."""
    return config_folder() / "calibration.toml"


def keep_rows(rows: Sequence[StoredRow]) -> None:
    """Add rows to those that are stored, in place of older ones of the same report and layer."""
    replaced = {row.origin for row in rows}
    kept = [row for row in stored_rows() if row.origin not in replaced]
    _write([*kept, *rows])


def forget_rows() -> int:
    """Remove every stored row; returns how many there were."""
    count = len(stored_rows())
    calibration_file().unlink(missing_ok=True)
    return count


def stored_rows() -> tuple[StoredRow, ...]:
    """Every row, as it was stored. Raises ArtefactError for a file that weft did not write."""
    state = _state()
    return () if state is None else _read(*state)


def stored_corrections(family: str, tool: str) -> Corrections:
    """The corrections for boards of a family and one tool; empty where nothing was calibrated."""
    state = _state()
    return {} if state is None else _corrections(*state, family, tool)


def _state() -> tuple[Path, tuple[int, int], int] | None:
    """The file, which of its states it is in, and its size: a plan asks a thousand times, and it is read once."""
    path = calibration_file()
    try:
        found = path.stat()
    except OSError:
        return None
    return path, (found.st_mtime_ns, found.st_ino), found.st_size


@lru_cache(maxsize=16)
def _corrections(path: Path, stamp: tuple[int, int], size: int, family: str, tool: str) -> Corrections:
    grouped: dict[tuple[str, str, str], list[StoredRow]] = defaultdict(list)
    for row in _read(path, stamp, size):
        if (row.family, row.tool) == (family, tool):
            grouped[row.kind, row.strategy, row.io].append(row)
    return {key: _correction(found) for key, found in grouped.items()}


def _correction(rows: list[StoredRow]) -> Correction:
    found = {name: [row.ratios[name] for row in rows if name in row.ratios] for name in FIGURES}
    factors = {name: median(ratios) for name, ratios in found.items() if ratios}
    return Correction(factors, len(rows), tuple(sorted({row.source for row in rows})))


# ---------------------------------------------------------------- the file


@lru_cache(maxsize=4)
def _read(path: Path, stamp: tuple[int, int], size: int) -> tuple[StoredRow, ...]:
    del stamp  # it tells two states of the file apart
    try:
        if size > _LARGEST:
            raise ValueError("it is too large")
        document = tomllib.loads(path.read_text("utf-8"))
        if document.get("schema") != _SCHEMA:
            raise ValueError(f"its schema is not {_SCHEMA}")
        return tuple(_row(entry) for entry in document["rows"])
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise ArtefactError(
            f"{str(path)!r} is not what `weft calibrate` wrote ({error}): remove it and calibrate again"
        ) from None


def _row(entry: dict[str, Any]) -> StoredRow:
    ratios = {name: float(entry[name]) for name in FIGURES if name in entry}
    if not all(isfinite(ratio) and ratio > 0 for ratio in ratios.values()):
        raise ValueError(f"a ratio of layer {entry['layer']} is no positive number")
    return StoredRow(**{word: str(entry[word]) for word in _WORDS}, ratios=ratios)


def _write(rows: Iterable[StoredRow]) -> None:
    entries = [{word: getattr(row, word) for word in _WORDS} | dict(row.ratios) for row in rows]
    private_folder(config_folder(), "WEFT_CONFIG_DIR")
    with written_aside(calibration_file()) as part:
        part.write_bytes(tomli_w.dumps({"schema": _SCHEMA, "rows": entries}).encode())
