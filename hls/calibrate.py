"""Fixed-point types from data: run the float network on it and pick the scale with the least squared error.

Nothing grows with the amount of data: it is run in chunks, twice, once for the ranges and once for the errors.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import ceil, inf, log2, log10, prod

import numpy as np
import onnx_ir as ir
import onnxruntime as ort
from numpy.typing import NDArray

from weft.boards.errors import InputError, ModelError
from weft.hls.onnx_file import first_line
from weft.hls.precision import FixedType
from weft.hls.runtime_session import open_session

Arrays = Mapping[str, NDArray[np.generic]]

CHUNK_BYTES = 2**26  # of intermediate results held at a time
CHUNK_SAMPLES = 256
RANDOM_SAMPLES = 256
# A type follows from how values are spread: a million of them tell that as well from few large images as from many.
_RANDOM_VALUES, _FEWEST_SAMPLES = 2**20, 8
# Scales that float32 can hold, with room for the product of two of them in a bias.
SMALLEST_INTEGER, LARGEST_INTEGER = -40, 40
# From this width on steps are so fine that range matters more: an octave beyond the calibrated data costs 6 dB of some
# 90, and one image of 450 that saturated by a hair had moved a probability of digits_cnn by 0.045.
_WIDE = 16
# Clipping trades range for resolution, at most by this many octaves; beyond, clipping always costs more.
_OCTAVES = 5


@dataclass(frozen=True)
class Choice:
    """A type and how well it holds the data: signal to quantisation noise in dB, infinite where nothing is lost."""

    type: FixedType
    signal_to_noise_db: float


def random_samples(model: ir.Model) -> Arrays:
    """Standard normal samples from a fixed seed, by input name. Raises InputError where they cannot stand in."""
    return {value.name or "": _random(value) for value in model.graph.inputs}


def checked(model: ir.Model, data: Arrays | NDArray[np.generic], what: str = "calibration") -> Arrays:
    """Data for a network as one array per graph input, samples first, checked against the model.

    Args:
        model: the float network.
        data: arrays by input name, or one array for a network with one input.
        what: what to call the data.

    Raises:
        InputError: a name, shape or dtype is wrong, or a value is NaN or infinite.

    """
    inputs = list(model.graph.inputs)
    if not isinstance(data, Mapping):
        if len(inputs) != 1:
            names = ", ".join(repr(value.name) for value in inputs)
            raise InputError(f"one {what} array was given for a network with inputs {names}: give a mapping")
        data = {inputs[0].name or "": data}
    expected = [value.name or "" for value in inputs]
    if set(data) != set(expected):
        raise InputError(f"{what} has inputs {sorted(map(str, data))} where the network has {expected}")
    arrays = {value.name or "": _checked_array(value, data[value.name or ""], what) for value in inputs}
    counts = {name: len(array) for name, array in arrays.items()}
    if len(set(counts.values())) > 1:
        raise InputError(f"{what} has a different number of samples per input: {counts}")
    batch = fixed_batch(model)
    if batch and min(counts.values()) < batch:
        raise InputError(f"{what} has {min(counts.values())} samples where the network takes {batch} at a time")
    return arrays


def _random(value: ir.Value) -> NDArray[np.generic]:
    dims = None if value.shape is None else list(value.shape)
    if value.dtype != ir.DataType.FLOAT or not dims or any(not isinstance(dim, int) for dim in dims[1:]):
        raise InputError(f"input {value.name!r} cannot be calibrated with random numbers: give calibration data")
    batch = dims[0] if isinstance(dims[0], int) else 1
    extents = [int(dim) for dim in dims[1:] if isinstance(dim, int)]
    samples = max(_FEWEST_SAMPLES, min(RANDOM_SAMPLES, _RANDOM_VALUES // max(prod(extents), 1)))
    shape = [ceil(samples / max(batch, 1)) * batch, *extents]
    return np.random.default_rng(0).standard_normal(shape, np.float32)


def _checked_array(value: ir.Value, data: object, what: str) -> NDArray[np.generic]:
    name = f"{what} of input {value.name!r}"
    array = np.asarray(data)
    wanted = None if value.dtype is None else value.dtype.numpy()
    floats = wanted is not None and np.issubdtype(wanted, np.floating) and np.issubdtype(array.dtype, np.floating)
    if wanted is None or (array.dtype != wanted and not floats):
        raise InputError(f"{name} has dtype {array.dtype} where the network takes {wanted}")
    shape = list(value.shape) if value.shape is not None else None
    if not shape:
        raise InputError(f"{name} is not possible: the input has no batch dimension")
    pairs = list(zip(array.shape[1:], shape[1:], strict=False))
    if array.ndim != len(shape) or any(isinstance(dim, int) and size != dim for size, dim in pairs):
        raise InputError(f"{name} has shape {array.shape} where the network takes {tuple(map(_dim, shape))}")
    if not array.size:
        raise InputError(f"{name} is empty")
    with np.errstate(over="ignore"):
        array = array.astype(wanted, copy=False)
    if np.issubdtype(array.dtype, np.floating) and not np.isfinite(array).all():
        raise InputError(f"{name} contains NaN or infinity: remove those samples")
    return array


def _dim(dim: int | ir.SymbolicDim) -> int | str:
    return dim if isinstance(dim, int) else str(dim.value or "?")


def fixed_batch(model: ir.Model) -> int:
    """Samples that the network takes at a time, or 0 if any number."""
    first = [value.shape[0] for value in model.graph.inputs if value.shape]
    return max((dim for dim in first if isinstance(dim, int)), default=0)


def session(model: ir.Model) -> ort.InferenceSession:
    """ONNX Runtime on the CPU; ModelError says why where it refuses the network."""
    options = ort.SessionOptions()
    options.log_severity_level = 4
    try:
        return open_session(ir.to_proto(model).SerializeToString(), options)
    except Exception as error:  # its exceptions share no base but Exception
        raise ModelError(f"ONNX Runtime cannot run the network: {first_line(error)}") from error


def run_in_chunks(model: ir.Model, names: Sequence[str], data: Arrays) -> Iterator[dict[str, NDArray[np.generic]]]:
    """Values of the named tensors, chunk by chunk; trailing samples that fill no fixed batch are left out."""
    exposed = model.clone()
    outputs = {value.name for value in exposed.graph.outputs}
    values = {v.name: v for v in ir.convenience.create_value_mapping(exposed.graph).values()}
    exposed.graph.outputs.extend(values[name] for name in names if name not in outputs and name in values)
    runner = session(exposed)
    total = min(len(array) for array in data.values())
    size = fixed_batch(model) or 1
    grows, start = size == 1 and not fixed_batch(model), 0
    while start < total and (grows or start + size <= total):
        feeds = {name: array[start : start + size] for name, array in data.items()}
        try:
            results = {n: np.asarray(a) for n, a in zip(names, runner.run(list(names), feeds), strict=True)}
        except Exception as error:
            raise InputError(f"the network fails on the data: {first_line(error)}") from error
        yield results
        start += size
        if grows and size == 1:  # one sample has shown how much memory a sample takes
            each = sum(result.nbytes for result in results.values())
            size = max(1, min(CHUNK_SAMPLES, CHUNK_BYTES // max(each, 1)))


def choose_types(
    model: ir.Model,
    names: Sequence[str],
    data: Arrays,
    width: int,
    unsigned: bool,
    given: Mapping[str, FixedType],
) -> dict[str, Choice]:
    """The type of `width` bits for each named tensor that holds its values on `data` with the least squared error; from
    16 bits on, the one with twice the range that they need.

    Args:
        model: the float network.
        names: float32 tensors of its graph, inputs included.
        data: what `checked` gave.
        width: bits of every type.
        unsigned: whether tensors that are never negative get unsigned types.
        given: types that are settled, by name; these are only measured.

    Raises:
        InputError: a tensor has NaN or infinite values on the data.

    """
    if not names:
        return {}
    low, high = dict.fromkeys(names, inf), dict.fromkeys(names, -inf)
    for chunk in run_in_chunks(model, names, data):
        for name, array in chunk.items():
            if array.size:
                low[name], high[name] = min(low[name], float(array.min())), max(high[name], float(array.max()))
                if not np.isfinite([low[name], high[name]]).all():
                    raise InputError(f"tensor {name!r} is NaN or infinite on the calibration data")
    choose = candidates if width < _WIDE else _with_room
    fits = {n: _Fit(choose(low[n], high[n], width, not (unsigned and low[n] >= 0))) for n in names}
    fits.update({name: _Fit([kind]) for name, kind in given.items() if name in fits})
    for chunk in run_in_chunks(model, names, data):
        for name, array in chunk.items():
            fits[name].add(array)
    return {name: fit.best() for name, fit in fits.items()}


def choose_type(array: NDArray[np.generic], width: int) -> Choice:
    """The signed type of `width` bits that holds a constant with the least squared error."""
    low, high = (float(array.min()), float(array.max())) if array.size else (0.0, 0.0)
    fit = _Fit(candidates(low, high, width, signed=True))
    fit.add(array)
    return fit.best()


def candidates(low: float, high: float, width: int, signed: bool) -> list[FixedType]:
    """Types from the one that covers [low, high] down, each with one integer bit fewer."""
    largest = max(abs(low), abs(high))
    if not 0 < largest < inf:  # nothing but zeros, or no data at all
        return [FixedType(width, int(signed), signed, "RND_CONV", "SAT")]
    covering = ceil(log2(largest)) + signed
    # A power of two itself is one step above the covering type's largest value.
    bits = range(covering + 1, covering - _OCTAVES, -1)
    clamped = dict.fromkeys(min(max(bit, SMALLEST_INTEGER), LARGEST_INTEGER) for bit in bits)
    return [FixedType(width, bit, signed, "RND_CONV", "SAT") for bit in clamped]


def _with_room(low: float, high: float, width: int, signed: bool) -> list[FixedType]:
    """The type with twice the range of the one that covers [low, high]."""
    return candidates(low, high, width, signed)[:1]


class _Fit:
    """Squared error of each candidate type over the data seen so far."""

    def __init__(self, types: list[FixedType]) -> None:
        self._types = types
        self._errors = [0.0] * len(types)
        self._power = 0.0

    def add(self, array: NDArray[np.generic]) -> None:
        values = np.asarray(array, np.float64)
        self._power += float(np.square(values).sum())
        for index, kind in enumerate(self._types):
            scale = 2.0**kind.fraction
            # The same as FixedType.quantise for RND_CONV and SAT, without the detour through int64.
            rounded = np.clip(np.rint(values * scale), kind.minimum, kind.maximum) / scale
            self._errors[index] += float(np.square(rounded - values).sum())

    def best(self) -> Choice:
        error = min(self._errors)
        # Of equally good types the last: fewest integer bits, so most fraction bits for values between those seen.
        index = max(i for i, value in enumerate(self._errors) if value == error)
        noise = 10 * log10(self._power / error) if error > 0 and self._power > 0 else inf
        return Choice(self._types[index], noise)
