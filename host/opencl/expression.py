"""Elementwise arithmetic that is not computed yet: chains of operators become one kernel."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from math import prod
from typing import Any

import numpy as np

from weft.host.opencl.broadcast import collapsed
from weft.host.opencl.sources import source
from weft.host.opencl.tensor import C_TYPES, Tensor

VECTOR = 8  # floats: PoCL computes exp of a float8 8 times, tanh 27 times as fast as of 8 floats; float16 hangs it
LARGEST = 24  # operators in one kernel: beyond that, registers run out on small GPUs


@dataclass(frozen=True, eq=False)
class Scalar:
    """One number for all elements; it reaches the kernel as an argument, so it is no part of the text."""

    value: Any  # a NumPy scalar

    shape = ()
    size = 1

    @property
    def dtype(self) -> np.dtype[Any]:
        """Its element type."""
        return np.dtype(self.value.dtype)


@dataclass(frozen=True, eq=False)
class Expression:
    """`text` is OpenCL C with `{0}`, `{1}`, ... for its operands, which broadcast to `shape`. Where types change, the
    text converts with functions such as `convert_float{v}`: `{v}` is the width of a vector, or nothing."""

    text: str
    operands: tuple[Operand, ...]
    shape: tuple[int, ...]
    dtype: np.dtype[Any]

    @property
    def size(self) -> int:
        """Number of elements."""
        return prod(self.shape)


Operand = Tensor | Scalar | Expression


@dataclass(frozen=True)
class ElementwiseKernel:
    """A generated kernel: its text, its arguments after the result, and its work-items along the last axis and the
    others."""

    text: str
    arguments: tuple[Tensor | np.generic, ...]
    inner: int
    outer: int


def operators(root: Expression) -> list[Expression]:
    """Every expression under `root` once, operands before what uses them."""
    found: dict[int, Expression] = {}

    def visit(expression: Expression) -> None:
        if id(expression) not in found:
            for operand in expression.operands:
                if isinstance(operand, Expression):
                    visit(operand)
            found[id(expression)] = expression

    visit(root)
    return list(found.values())


def generate(root: Expression, *, vectors: bool) -> ElementwiseKernel:
    """The kernel that computes `root`. Tensors are read once each; shapes reach it as arguments. With `vectors` a
    work-item computes eight elements at once where everything is float32 or converted to and from it."""
    order = operators(root)
    leaves = list(_leaves(order))
    tensors = [leaf for leaf in leaves if isinstance(leaf, Tensor)]
    scalars = [leaf for leaf in leaves if isinstance(leaf, Scalar)]
    sizes, strides = collapsed(root.shape, [tensor.shape for tensor in tensors])
    names = {id(tensor): f"x{number}" for number, tensor in enumerate(tensors)}
    names |= {id(scalar): f"s{number}" for number, scalar in enumerate(scalars)}
    names |= {id(expression): f"t{number}" for number, expression in enumerate(order)}
    width = VECTOR if vectors and sizes[-1] >= VECTOR and all(map(_is_vectorisable, order)) else 1
    suffix = "" if width == 1 else width
    steps = tuple(
        (names[id(step)], C_TYPES[step.dtype], step.text.format(*(names[id(each)] for each in step.operands), v=suffix))
        for step in order
    )
    text = source(
        "elementwise.cl.j2",
        result=C_TYPES[root.dtype],
        tensors=tuple(C_TYPES[tensor.dtype] for tensor in tensors),
        scalars=tuple(C_TYPES[scalar.dtype] for scalar in scalars),
        inner_strides=tuple(bool(stride[-1]) for stride in strides),
        axes=len(sizes) - 1,
        strided=tuple(tuple(stride != 0 for stride in per_axis[:-1]) for per_axis in strides),
        steps=steps,
        width=width,
        needs_erf=any("error_function" in step.text for step in order),
    )
    numbers = (*sizes, *(stride for per_axis in strides for stride in per_axis[:-1] if stride))
    arguments = (
        *tensors,
        *(scalar.value.astype(np.uint8) if scalar.dtype == np.bool_ else scalar.value for scalar in scalars),
        *map(np.int32, numbers),
    )
    return ElementwiseKernel(text, arguments, -(-sizes[-1] // width), prod(sizes[:-1]))


def _is_vectorisable(step: Expression) -> bool:
    """Whether the step's text means the same of vectors: float32 throughout, or converted where types change."""
    return "{v}" in step.text or all(each.dtype == np.float32 for each in (step, *step.operands))


def _leaves(order: list[Expression]) -> Iterator[Tensor | Scalar]:
    """Tensors and scalars once each, however often they are used."""
    seen: set[int] = set()
    for expression in order:
        for operand in expression.operands:
            if not isinstance(operand, Expression) and id(operand) not in seen:
                seen.add(id(operand))
                yield operand
