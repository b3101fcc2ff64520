"""Running compiled firmware: weft's top and hls4ml's own C simulation, through ctypes."""

from __future__ import annotations

import ctypes
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from threading import Lock
from typing import Any

import numpy as np
from numpy.typing import NDArray

from weft.boards.errors import ArtefactError, ToolError
from weft.hls.compiler import Library, compile_library
from weft.hls.design import Tensor
from weft.hls.firmware.facts import FACTS, read_facts
from weft.hls.precision import Integers
from weft.hls.samples import raw_samples

_LARGEST_LAUNCH = 1 << 20  # values in g++'s model of a stream at a time: about 100 bytes each

#: What weft_run (templates/weft_bridge.cpp.j2) found wrong.
_FAULTS = {
    1: "gave fewer values than its shape says",
    2: "gave more values than its shape says",
    3: "set TLAST elsewhere than on the last value of the last sample",
    4: "left TKEEP bits at zero",
    5: "did not read all of its input",
}


def compile_firmware(folder: str | Path) -> Firmware:
    """Compile what `write_firmware` wrote with g++ (kept in weft's cache) and load it.

    Raises ArtefactError for a folder that is not firmware, ToolError where g++ is missing or fails.
    """
    source = Path(folder)
    facts = read_facts(source)
    project = [f"firmware/{facts.project}.cpp", f"{facts.project}_bridge.cpp"]
    units = [*project, "weft_top.cpp", "weft_csim/weft_bridge.cpp"]
    missing = [unit for unit in units if not (source / unit).is_file()]
    if missing:
        raise ArtefactError(f"firmware {str(source)!r} lacks {missing[0]}: write it again")
    return Firmware(facts.project, facts.inputs, facts.outputs, compile_library(source, units))


class Firmware:
    """Compiled firmware: weft's top and hls4ml's own C simulation, in one library.

    `inputs` and `outputs` describe the streams in order. Safe to call from several threads: calls take turns, since
    hls4ml's C++ keeps state in static variables.
    """

    def __init__(self, project: str, inputs: Sequence[Tensor], outputs: Sequence[Tensor], library: Library) -> None:
        self.project = project
        self.inputs = tuple(inputs)
        self.outputs = tuple(outputs)
        self._functions = _load(library, project, self.inputs, self.outputs)

    def run(self, inputs: NDArray[Any] | Sequence[NDArray[Any]]) -> Integers | list[Integers]:
        """Raw integers (int64, (N, *shape)) that weft's top sends, or a list of them where there are several outputs.

        `inputs` as for `Design.run`. Raises InputError for arrays of the wrong number, shape or dtype, ToolError if
        the top breaks its protocol.
        """
        raw = [np.ascontiguousarray(array) for array in raw_samples(inputs, self.inputs, f"firmware {self.project}")]
        samples = len(raw[0])
        outputs = [np.empty((samples, *port.shape), np.int64) for port in self.outputs]
        step = max(1, _LARGEST_LAUNCH // max(port.size for port in (*self.inputs, *self.outputs)))
        for start in range(0, samples, step):
            self._launch([array[start : start + step] for array in raw], [out[start : start + step] for out in outputs])
        return outputs if len(outputs) > 1 else outputs[0]

    def predict(self, inputs: NDArray[Any] | Sequence[NDArray[Any]]) -> NDArray[np.float64] | list[NDArray[np.float64]]:
        """What hls4ml's own C simulation (`ModelGraph.predict`) gives for these inputs: float64, (N, *shape).

        `inputs` as for `Design.run`, but that floats go to hls4ml as they are, for its C++ to quantise.
        """
        raw = raw_samples(inputs, self.inputs, f"firmware {self.project}")
        given = inputs if isinstance(inputs, (list, tuple)) else [inputs]
        arrays = [
            np.ascontiguousarray(
                value.reshape(integers.shape) if value.dtype.kind == "f" else port.type.to_float(integers), np.float64
            )
            for value, integers, port in zip(map(np.asarray, given), raw, self.inputs, strict=True)
        ]
        outputs = [np.empty((len(arrays[0]), *port.shape), np.float64) for port in self.outputs]
        with self._functions.lock:
            for i in range(len(arrays[0])):
                self._functions.hls4ml(*(array[i].ctypes.data for array in (*arrays, *outputs)))
        return outputs if len(outputs) > 1 else outputs[0]

    def _launch(self, inputs: list[Integers], outputs: list[Integers]) -> None:
        with self._functions.lock:
            fault = self._functions.weft(_pointers(inputs), _pointers(outputs), len(inputs[0]))
        if fault:
            raise ToolError(f"the compiled firmware {self.project} {_FAULTS[fault]}: report it, its C++ is at fault")


def _pointers(arrays: list[Integers]) -> Any:
    return (ctypes.c_void_p * len(arrays))(*(array.ctypes.data for array in arrays))


@dataclass(frozen=True)
class _Functions:
    """A loaded library's two entry points. One lock for each library: loading it twice gives the same statics."""

    weft: Any
    hls4ml: Any
    sizes: list[int]
    lock: Lock


_loaded: dict[Path, _Functions] = {}
_loading = Lock()


def _load(library: Library, project: str, inputs: tuple[Tensor, ...], outputs: tuple[Tensor, ...]) -> _Functions:
    with _loading:
        if library.path not in _loaded:
            _loaded[library.path] = _open(library, project)
        found = _loaded[library.path]
    sizes = [port.size for port in (*inputs, *outputs)]
    if found.sizes != sizes:
        raise ArtefactError(f"{FACTS} of {project} speaks of streams of {sizes} values, and its C++ of {found.sizes}")
    return found


def _open(library: Library, project: str) -> _Functions:
    try:
        handle = ctypes.CDLL(str(library.path), mode=ctypes.RTLD_LOCAL)
    except OSError as error:
        raise ToolError(f"compiled firmware cannot be loaded ({error}): remove {str(library.path.parent)!r}") from error
    handle.weft_set_weights_folder.argtypes = [ctypes.c_char_p]
    handle.weft_set_weights_folder.restype = None
    handle.weft_set_weights_folder(bytes(library.weights))
    handle.weft_sizes.restype = ctypes.c_char_p
    sizes = [int(size) for size in handle.weft_sizes().split()]
    weft, hls4ml = handle.weft_run, handle[f"{project}_double"]
    weft.argtypes, weft.restype = [ctypes.c_void_p, ctypes.c_void_p, ctypes.c_uint32], ctypes.c_int
    hls4ml.argtypes, hls4ml.restype = [ctypes.c_void_p] * len(sizes), None
    # hls4ml reads its weight files at its first call, and ends the process if one is missing: they were checked just
    # now, so that call is made now.
    zeros = [np.zeros(size) for size in sizes]
    hls4ml(*(array.ctypes.data for array in zeros))
    return _Functions(weft, hls4ml, sizes, Lock())
