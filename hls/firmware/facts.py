"""weft_firmware.json: what a firmware's streams are called, their shapes and types; written, read and checked."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from weft.boards.errors import ArtefactError, InputError
from weft.hls.design import Tensor
from weft.hls.precision import FixedType

SCHEMA = "weft-firmware/1"
FACTS = "weft_firmware.json"

_IDENTIFIER = re.compile(r"[A-Za-z][A-Za-z0-9_]{0,126}", re.ASCII)
_MOST_PORTS = 64
_LARGEST_FACTS = 1 << 20  # bytes of weft_firmware.json; real ones are below 10 kB
_LARGEST_SAMPLE = 1 << 28  # values of one stream in one sample


@dataclass(frozen=True)
class Facts:
    """What weft_firmware.json says."""

    project: str
    inputs: tuple[Tensor, ...]
    outputs: tuple[Tensor, ...]


def checked(facts: Facts, where: str) -> Facts:
    """`facts`, if firmware can have them. Raises InputError, naming `where` they are from, if not."""
    for ports, kind in ((facts.inputs, "inputs"), (facts.outputs, "outputs")):
        if not 1 <= len(ports) <= _MOST_PORTS:
            raise InputError(f"{where} has {len(ports)} {kind}, and firmware has 1 to {_MOST_PORTS}")
        for port in ports:
            if min(port.shape, default=0) < 1 or port.size > _LARGEST_SAMPLE:
                raise InputError(f"{where} has stream {port.name} of shape {port.shape}, which cannot be built")
            _ = port.type.storage  # raises for a type that no beat of 64 bits holds
    return facts


def identifier(name: Any) -> str:
    """`name`, if it is a plain C++ name of at most 127 characters. Raises InputError if not."""
    if not isinstance(name, str) or not _IDENTIFIER.fullmatch(name):
        raise InputError(f"{name!r} is not a plain C++ name of letters, digits and underscores: rename it")
    return name


def write_facts(facts: Facts, folder: Path) -> None:
    """Write weft_firmware.json into `folder`."""

    def ports(of: Sequence[Tensor]) -> list[dict[str, Any]]:
        return [{"name": port.name, "shape": list(port.shape), "type": str(port.type)} for port in of]

    value = {
        "schema": SCHEMA,
        "project": facts.project,
        "inputs": ports(facts.inputs),
        "outputs": ports(facts.outputs),
    }
    (folder / FACTS).write_text(json.dumps(value, indent=1) + "\n", encoding="utf-8")


def read_facts(folder: Path) -> Facts:
    """What `folder`'s weft_firmware.json says. Raises ArtefactError where there is none, or it is not sound."""
    path = folder / FACTS
    try:
        with path.open("rb") as file:
            found = json.loads(file.read(_LARGEST_FACTS))
        if found["schema"] != SCHEMA:
            schema = found["schema"]
            raise ArtefactError(f"{str(path)!r} is of schema {schema!r}, not {SCHEMA!r}: write the firmware again")
        inputs, outputs = ([_read_port(port) for port in found[kind]] for kind in ("inputs", "outputs"))
        return checked(Facts(identifier(found["project"]), tuple(inputs), tuple(outputs)), str(path))
    except FileNotFoundError:
        raise ArtefactError(f"{str(folder)!r} is not firmware: it has no {FACTS}") from None
    except ArtefactError:
        raise
    except (OSError, ValueError, KeyError, TypeError, RecursionError, InputError) as error:
        raise ArtefactError(f"{str(path)!r} is damaged ({error}): write the firmware again") from error


def _read_port(value: Any) -> Tensor:
    shape = tuple(value["shape"])
    if not all(type(extent) is int and extent > 0 for extent in shape) or len(shape) > 8:
        raise ValueError(f"shape {shape!r} is no shape")
    return Tensor(identifier(value["name"]), shape, FixedType.parse(value["type"]))
