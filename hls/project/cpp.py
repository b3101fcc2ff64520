"""The C++ that hls4ml 1.3 generates: defines.h (types), parameters.h (one struct a layer) and the top function.

The text is regular, a line a fact, and is read line by line. A line that is none of the known ones is refused.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from math import prod

from weft.boards.errors import ArtefactError, InputError
from weft.hls.design import PipelineStyle
from weft.hls.precision import FixedType

Number = int | float | bool | str | tuple[int, ...]

_PLAIN_TYPE = re.compile(r"typedef (ap_u?(?:fixed|int)<[^<>]*>) (\w+);")
_PACKED_TYPE = re.compile(r"typedef nnet::array<(ap_u?(?:fixed|int)<[^<>]*>), (\d+)\*1> (\w+);")
_STRUCT = re.compile(r"struct (\w+)(?: : nnet::\w+)? \{")
_VALUE = re.compile(r"static (?:const|constexpr) [\w:]+ (\w+)\s+= ([^;]+);")
_TYPED = re.compile(r"static const (\w+) (\w+);")
_ALIAS = re.compile(r"typedef ([^;]+) (\w+);")
_USING = re.compile(r"using (\w+) = ([\w:]+)<[^;]*>;")
_OUTSIDE = re.compile(r"const \w+ (\w+)::(\w+) = ([^;]+);")
_ARRAY = re.compile(r"unsigned (config\w*?)_(from_shape|to_shape|perm)\[\d+\] = \{([\d, ]+)\};")

_PORT = re.compile(r"(?:hls::stream<(\w+)> &(\w+)|(\w+) (\w+)\[([\d*]+)\])")
_STREAM = re.compile(r'hls::stream<(\w+)> (\w+)\("\w+"\);')
_VARIABLE = re.compile(r"(\w+) (\w+)\[([\d*]+)\];")
_RENAMED = re.compile(r"auto& (\w+) = (\w+);")
_DEPTH = re.compile(r"#pragma HLS STREAM variable=(\w+) depth=(\d+)")
_PIPELINE = re.compile(r"#pragma HLS (DATAFLOW|PIPELINE)(?: II=([1-9]\d{0,8}))?")
_CALL = re.compile(r"nnet::(\w+)<([^<>]*)>\(([^()]*)\); // (.*)")


@dataclass(frozen=True)
class Carried:
    """What a C++ type carries: a fixed-point value, or `packed` of them side by side in an element of a stream."""

    type: FixedType
    packed: int = 0


@dataclass(frozen=True)
class Struct:
    """A layer's config struct: its constants, its types, and what else it names: templates and other structs."""

    name: str
    values: dict[str, Number] = field(default_factory=dict)
    types: dict[str, FixedType] = field(default_factory=dict)
    names: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Variable:
    """An array or stream of the top function. `dims` are an array's extents; a stream has none."""

    name: str
    type: str
    dims: tuple[int, ...] = ()


@dataclass(frozen=True)
class Call:
    """One layer: `nnet::function<templates>(arguments); // layer`."""

    function: str
    templates: tuple[str, ...]
    arguments: tuple[str, ...]
    layer: str


@dataclass(frozen=True)
class Top:
    """The top function. `renamed` are Reshapes, which move no value (`auto& name = source;`), by their source."""

    ports: tuple[Variable, ...]
    variables: Mapping[str, Variable]  # the ports among them
    depths: Mapping[str, int]  # of the FIFOs
    renamed: Mapping[str, list[str]]
    calls: tuple[Call, ...]  # in the order in which values flow
    stream: bool
    pipeline_style: PipelineStyle
    pipeline_interval: int | None


def read_types(text: str) -> dict[str, Carried]:
    """defines.h: every fixed-point type by name. Types of other kinds are left out, and refused where they are used."""
    found = {}
    for line in text.splitlines():
        plain, packed = _PLAIN_TYPE.fullmatch(line.strip()), _PACKED_TYPE.fullmatch(line.strip())
        if plain:
            found[plain[2]] = Carried(_parsed(plain[1], plain[2]))
        elif packed:
            found[packed[3]] = Carried(_parsed(packed[1], packed[3]), int(packed[2]))
    return found


def _parsed(text: str, name: str) -> FixedType:
    try:
        return FixedType.parse(text)
    except InputError as error:
        raise ArtefactError(f"type {name} of the project is {text}, which is not exact in weft: {error}") from None


def read_structs(text: str, types: Mapping[str, Carried]) -> dict[str, Struct]:
    """parameters.h: every config struct by name, with the constants that follow it."""
    found: dict[str, Struct] = {}
    current: Struct | None = None
    for line in (line.partition("//")[0].strip() for line in text.splitlines()):
        if match := _STRUCT.fullmatch(line):
            current = found[match[1]] = Struct(match[1])
        elif line == "};":
            current = None
        elif current is not None:
            _read_member(current, line, types)
        elif match := _OUTSIDE.fullmatch(line):
            _read_constant(found, match[1], match[2], match[3])
        elif match := _ARRAY.fullmatch(line):
            extents = tuple(int(extent) for extent in match[3].split(","))
            found.setdefault(match[1], Struct(match[1])).values[match[2]] = extents
    return found


def named_struct(struct: Struct, name: str, structs: Mapping[str, Struct], layer: str) -> Struct:
    """The struct that another one names. Raises ArtefactError, which names the layer, where it is missing."""
    found = structs.get(struct.names.get(name, ""))
    if found is None:
        raise ArtefactError(f"layer {layer}: struct {struct.name} of parameters.h has no {name}")
    return found


def _read_member(struct: Struct, line: str, types: Mapping[str, Carried]) -> None:
    if match := _VALUE.fullmatch(line):
        _read_constant({struct.name: struct}, struct.name, match[1], match[2])
    elif (match := _TYPED.fullmatch(line)) and match[1] in types:
        struct.types[f"{match[2]}_t"] = types[match[1]].type
    elif match := _USING.fullmatch(line):
        struct.names[match[1]] = match[2].rpartition("::")[2]
    elif match := _ALIAS.fullmatch(line):
        if match[1].startswith("ap_"):
            struct.types[match[2]] = _parsed(match[1], f"{struct.name}::{match[2]}")
        elif match[1] in types:
            struct.types[match[2]] = types[match[1]].type
        else:
            struct.names[match[2]] = match[1]


def _read_constant(structs: Mapping[str, Struct], struct: str, name: str, text: str) -> None:
    value = _number(text)
    if value is not None and struct in structs:
        structs[struct].values[name] = value


def _number(text: str) -> Number | None:
    """A literal, a product of literals, or the last part of a name in nnet::; None for any other expression."""
    if re.fullmatch(r"-?\d{1,18}", text):
        return int(text)
    if re.fullmatch(r"\d{1,9}(?:\*\d{1,9}){1,7}", text):
        return prod(map(int, text.split("*")))
    if text.lower() in ("true", "false"):
        return text.lower() == "true"
    if re.fullmatch(r"nnet::[\w:]+", text):
        return text.rpartition("::")[2]
    if re.fullmatch(r"-?\d+(?:\.\d+)?(?:e[+-]?\d+)?", text):
        return float(text)
    return None


def read_top(text: str, name: str) -> Top:
    """<project>.cpp: ports, variables and calls of `void name(...)`. Raises ArtefactError that quotes the line which
    is none that hls4ml writes."""
    ports: list[Variable] = []
    variables: dict[str, Variable] = {}
    depths: dict[str, int] = {}
    renamed: dict[str, list[str]] = {}
    calls: list[Call] = []
    style: PipelineStyle = "auto"
    interval = None
    signature, body = _split(text, name)
    for part in filter(None, map(str.strip, signature.split(","))):
        port = _port(part, name)
        ports.append(port)
        variables[port.name] = port
    for line in _statements(body):
        if match := _CALL.fullmatch(line):
            calls.append(Call(match[1], _listed(match[2]), _listed(match[3]), match[4].strip()))
        elif match := _STREAM.fullmatch(line):
            variables[match[2]] = Variable(match[2], match[1])
        elif match := _VARIABLE.fullmatch(line):
            variables[match[2]] = Variable(match[2], match[1], _dims(match[3]))
        elif match := _RENAMED.fullmatch(line):
            renamed.setdefault(match[2], []).append(match[1])
        elif match := _DEPTH.fullmatch(line):
            depths[match[1]] = int(match[2])
        elif match := _PIPELINE.fullmatch(line):
            style = "dataflow" if match[1] == "DATAFLOW" else "pipeline"
            interval = int(match[2]) if match[2] else None
        elif not line.startswith("#pragma HLS"):
            raise ArtefactError(f"{name}.cpp has a line that weft does not know: {line[:100]!r}")
    if style == "auto":
        raise ArtefactError(f"{name}.cpp has neither DATAFLOW nor PIPELINE: write the hls4ml project again")
    stream = any(not port.dims for port in ports)
    return Top(tuple(ports), variables, depths, renamed, tuple(calls), stream, style, interval)


def _split(text: str, name: str) -> tuple[str, str]:
    """Between the parentheses of the top function, and its body."""
    _, start, rest = text.partition(f"void {name}(")
    signature, middle, body = rest.partition(") {")
    if not start or not middle:
        raise ArtefactError(f"{name}.cpp has no function {name}: write the hls4ml project again")
    return signature, body


def _port(text: str, name: str) -> Variable:
    match = _PORT.fullmatch(text)
    if match is None:
        raise ArtefactError(f"{name}.cpp has a port that weft does not know: {text[:100]!r}")
    return Variable(match[2], match[1]) if match[2] else Variable(match[4], match[3], _dims(match[5]))


def _statements(body: str) -> Iterator[str]:
    """The body's lines up to its closing brace, without comments and without what synthesis does not see."""
    simulated = False
    for line in map(str.strip, body.splitlines()):
        if line == "}" and not simulated:
            return
        if line.startswith("#ifndef __SYNTHESIS__"):
            simulated = True
        elif line == "#endif":
            simulated = False
        elif line and not simulated and not line.startswith("//"):
            yield line


def _listed(text: str) -> tuple[str, ...]:
    return tuple(part.strip() for part in text.split(","))


def _dims(text: str) -> tuple[int, ...]:
    return tuple(int(extent) for extent in text.split("*") if extent)
