"""Attention with a cache of keys and values: GroupQueryAttention of com.microsoft, causal, with rotary positions
(onnxruntime/docs/ContribOperators.md). Query head h reads key head h // (heads / key heads).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import onnx_ir as ir

from weft.boards.errors import DeviceError
from weft.host.opencl.lowering import Lowering
from weft.host.opencl.node import attribute, given, needed
from weft.host.opencl.sources import source
from weft.host.opencl.tensor import Tensor

_PIECE = 8  # floats of a head that the kernel handles at once
_LATER = {"local_window_size": -1, "softcap": 0.0, "smooth_softmax": 0, "qk_output": 0, "k_quant_type": "NONE"}


def check_attention(node: ir.Node) -> str:
    """Plain causal attention over heads of whole pieces of eight."""
    changed = [name for name, usual in _LATER.items() if attribute(node, name, usual) not in (usual, None)]
    if changed:
        return f"attention with {changed[0]} has no OpenCL kernel"
    if any(given(node, number) is not None for number in range(9, len(node.inputs))):
        return "attention with position_ids, a bias or sinks has no OpenCL kernel"
    query = needed(node, 0)
    width = None if query.shape is None else query.shape[-1]
    heads = attribute(node, "num_heads", 0)
    if given(node, 1) is None:
        heads += 2 * attribute(node, "kv_num_heads", 0)
    if not isinstance(width, int) or width % (heads * _PIECE):
        return f"the size of a head must be known and a multiple of {_PIECE}"
    return ""


@dataclass(frozen=True)
class _Part:
    """Queries, keys or values in a tensor of shape (batch, length, width), from element `offset` of each row on."""

    tensor: Tensor
    offset: int

    @property
    def numbers(self) -> tuple[int, int]:
        """What kernels take: elements from one position to the next, and where this part begins."""
        return self.tensor.shape[-1], self.offset


@dataclass(frozen=True)
class _Heads:
    """Sizes of a node: key heads, floats of a head, positions of this call, of all calls and of the cache."""

    heads: int
    kept: int
    size: int
    length: int
    total: int
    room: int

    @property
    def most(self) -> int:
        """The most positions that can have come before this call. None came before a prompt, of which a sample may be
        shorter than the rest of its batch."""
        return self.total - self.length


@dataclass(frozen=True)
class _Rotary:
    """Cosines and sines of shape (positions, half), or none."""

    angles: tuple[Tensor, ...] = ()
    interleaved: bool = False

    @property
    def parameters(self) -> dict[str, Any]:
        """What templates take."""
        return {"half": self.angles[0].shape[1] if self.angles else 0, "interleaved": self.interleaved}


def lower_attention(lowering: Lowering, node: ir.Node) -> None:
    """softmax(q k' * scale) v over all positions up to the query's own, and keys and values with those of before."""
    heads, kept = attribute(node, "num_heads", 0), attribute(node, "kv_num_heads", 0)
    query, key, value, size = _parts(lowering, node, heads, kept)
    before = [None if each is None else lowering.tensor(each) for each in (given(node, 3), given(node, 4))]
    known = lowering.host(needed(node, 6))
    assert known is not None
    total = int(known.reshape(-1)[0])
    room = max(total, *(0 if each is None else each.shape[2] for each in before))
    lengths = lowering.tensor(needed(node, 5))
    sizes = _Heads(heads, kept, size, query.tensor.shape[1], total, room)
    rotary = _rotary(lowering, node, total)
    _check(sizes, (query, key, value), before, lengths, rotary)
    keys = _appended(lowering, key, before[0], lengths, sizes, rotary)
    values = _appended(lowering, value, before[1], lengths, sizes, _Rotary())
    scale = attribute(node, "scale", 0.0) or size**-0.5
    result = _attended(lowering, query, keys, values, lengths, sizes, rotary, float(scale))
    for output, made in zip(node.outputs, (result, keys, values), strict=False):
        lowering.define(output, made)


def _parts(lowering: Lowering, node: ir.Node, heads: int, kept: int) -> tuple[_Part, _Part, _Part, int]:
    """Queries, keys and values, packed in one input or not, and the size of a head."""
    query = lowering.tensor(needed(node, 0))
    if given(node, 1) is None:
        size = query.shape[-1] // (heads + 2 * kept)
        return _Part(query, 0), _Part(query, heads * size), _Part(query, (heads + kept) * size), size
    key, value = (_Part(lowering.tensor(needed(node, number)), 0) for number in (1, 2))
    return _Part(query, 0), key, value, query.shape[-1] // heads


def _check(
    sizes: _Heads, parts: tuple[_Part, ...], before: list[Tensor | None], lengths: Tensor, rotary: _Rotary
) -> None:
    """Raise ValueError for shapes with which kernels would read beyond a tensor."""
    batch = parts[0].tensor.shape[0]
    widths = [
        part.offset + heads * sizes.size
        for part, heads in zip(parts, (sizes.heads, sizes.kept, sizes.kept), strict=True)
    ]
    fits = all(
        part.tensor.shape[:2] == (batch, sizes.length) and part.tensor.shape[2] >= width
        for part, width in zip(parts, widths, strict=True)
    )
    kept = (batch, sizes.kept, sizes.size)
    fits &= all((*each.shape[:2], each.shape[3]) == kept for each in before if each is not None)
    fits &= lengths.size == batch and sizes.most >= 0 and sizes.heads % sizes.kept == 0
    fits &= len({angles.shape for angles in rotary.angles}) <= 1 and 2 * rotary.parameters["half"] <= sizes.size
    if not fits:
        raise ValueError(f"{[part.tensor.shape for part in parts]} do not fit {sizes}")


def _rotary(lowering: Lowering, node: ir.Node, total: int) -> _Rotary:
    if not attribute(node, "do_rotary", 0):
        return _Rotary()
    angles = lowering.tensor(needed(node, 7)), lowering.tensor(needed(node, 8))
    if total > angles[0].shape[0]:
        raise DeviceError(f"node {node.name!r} needs {total} rotary positions and has {angles[0].shape[0]}: give less")
    return _Rotary(angles, bool(attribute(node, "rotary_interleaved", 0)))


def _appended(
    lowering: Lowering, part: _Part, past: Tensor | None, lengths: Tensor, sizes: _Heads, rotary: _Rotary
) -> Tensor:
    """The cache with this call's keys or values behind those of before."""
    batch = part.tensor.shape[0]
    result = lowering.allocate((batch, sizes.kept, sizes.room, sizes.size))
    earlier = () if past is None or not past.size else (past,)
    text = source("cache_append.cl.j2", past=bool(earlier), **rotary.parameters)
    arguments = (
        *(result, part.tensor, lengths, lowering.fault_flag(), *earlier, *rotary.angles, *part.numbers),
        *(sizes.kept, sizes.size, sizes.length, sizes.room),
        *(earlier[0].shape[2] if earlier else 0, sizes.most),
    )
    lowering.launch_elements(text, "append", arguments, sizes.size, sizes.room, batch * sizes.kept)
    return result


def _attended(
    lowering: Lowering,
    query: _Part,
    keys: Tensor,
    values: Tensor,
    lengths: Tensor,
    sizes: _Heads,
    rotary: _Rotary,
    scale: float,
) -> Tensor:
    batch = query.tensor.shape[0]
    result = lowering.allocate((batch, sizes.length, sizes.heads * sizes.size))
    tensors = (result, query.tensor, keys, values, lengths, *rotary.angles)
    numbers = (sizes.heads, sizes.heads // sizes.kept, sizes.length, sizes.room, sizes.most)
    text = source("attention.cl.j2", size=sizes.size, **rotary.parameters)
    lowering.launch(
        text, "attention", (*tensors, *query.numbers, *numbers, scale), (sizes.length, sizes.heads, batch), (1, 1, 1)
    )
    return result
