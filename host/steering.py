"""What a user says about places: pins (`conv.*=fpga`) and what is forbidden (`opencl:Softmax`)."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import onnx_ir as ir

from weft.boards.errors import InputError
from weft.hls.lowering import QUANTISERS
from weft.host.devices.names import kind
from weft.host.node_pattern import matcher


@dataclass(frozen=True)
class Pin:
    """Nodes whose name matches run on devices of one kind."""

    text: str
    matches: Callable[[str], bool]
    device: str


@dataclass(frozen=True)
class Steering:
    """Pins, of which the first that matches counts; operators that kinds of device may not run, and single nodes."""

    pins: tuple[Pin, ...] = ()
    operators: frozenset[tuple[str, str]] = frozenset()  # (device kind, operator)
    nodes: frozenset[tuple[str, str]] = frozenset()  # (device kind, node name)

    def pin(self, node: ir.Node) -> Pin | None:
        """The pin of a node; what only gives a value its fixed-point type follows its neighbours."""
        if node.op_type in QUANTISERS:
            return None
        return next((pin for pin in self.pins if pin.matches(node.name or "")), None)

    def refusal(self, device: str, node: ir.Node) -> str:
        """Why the user keeps a node off a kind of device; empty where not."""
        pin = self.pin(node)
        if pin is not None and pin.device != device:
            return f"pinned elsewhere ({pin.text})"
        if (device, node.op_type) in self.operators:
            return f"forbidden ({device}:{node.op_type})"
        return "kept off to compare" if (device, node.name) in self.nodes else ""

    def check(self, nodes: Sequence[ir.Node]) -> None:
        """Raise InputError for a pin that no node's name matches."""
        for pin in self.pins:
            if not any(self.pin(node) is pin for node in nodes):
                names = ", ".join(repr(node.name) for node in nodes[:3])
                raise InputError(
                    f"pin {pin.text!r} is of no node's name, or of an earlier pin's: the names are {names}, ..."
                )


def read_steering(
    pins: str | Iterable[str],
    forbids: str | Iterable[str],
    devices: Sequence[str],
    without: tuple[str, str] | None = None,
) -> Steering:
    """Pins as `PATTERN=DEVICE`, what is forbidden as `DEVICE:OPERATOR`, and (kind, node name) to keep apart.

    Raises InputError for one that cannot be read, or whose device is not among `devices`.
    """
    known = {kind(device) for device in devices}
    operators = set()
    for text in _several(forbids):
        device, colon, operator = text.partition(":")
        if not colon or not operator:
            raise InputError(f"forbid {text!r} cannot be read: write DEVICE:OPERATOR, such as opencl:Softmax")
        operators.add((_known(device, known, f"forbid {text!r}"), operator))
    found = []
    for text in _several(pins):
        pattern, equals, device = text.rpartition("=")
        if not equals:
            raise InputError(f"pin {text!r} cannot be read: write PATTERN=DEVICE, such as 'conv.*=fpga'")
        found.append(Pin(text, matcher(pattern), _known(device, known, f"pin {text!r}")))
    return Steering(tuple(found), frozenset(operators), frozenset() if without is None else frozenset({without}))


def _several(texts: str | Iterable[str]) -> Iterable[str]:
    return (texts,) if isinstance(texts, str) else texts


def _known(device: str, known: set[str], what: str) -> str:
    """The kind of a device; `gpu` stands for `opencl`."""
    name = "opencl" if device == "gpu" else device
    if name not in known:
        raise InputError(f"{what} names {device!r}, which is not among the devices {', '.join(sorted(known))}")
    return name
