"""Firmware: a design as a Vitis HLS project that g++ can compile and Python can run.

`write_firmware` writes the hls4ml project and, around hls4ml's top, weft's own (templates/weft_top.cpp.j2), which has
what a board needs: streams with TLAST, a control block and a count of samples. `compile_firmware` makes it a library.

    <folder>/weft_firmware.json          names, shapes and types of the streams
    <folder>/weft_top.cpp, weft_top.h    the top for Vitis HLS
    <folder>/firmware/, <project>_*      hls4ml's project, as `ModelGraph.write` writes it
    <folder>/weft_csim/                  what only g++ needs
"""

from __future__ import annotations

import contextlib
import ctypes
import io as text_io
import json
import re
import shutil
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from threading import Lock
from typing import Any

import numpy as np
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from numpy.typing import NDArray

from weft.boards.errors import ArtefactError, InputError, ToolError
from weft.hls.compiler import Library, compile_library
from weft.hls.design import Tensor
from weft.hls.files import folder_aside
from weft.hls.precision import FixedType, Integers
from weft.hls.reader import read_type
from weft.hls.samples import raw_samples

SCHEMA = "weft-firmware/1"
FACTS = "weft_firmware.json"
TEMPLATES = Path(__file__).parent / "templates"

_IDENTIFIER = re.compile(r"[A-Za-z][A-Za-z0-9_]{0,126}", re.ASCII)
_MOST_PORTS = 64
_LARGEST_FACTS = 1 << 20  # bytes of weft_firmware.json; real ones are below 10 kB
_LARGEST_SAMPLE = 1 << 28  # values of one stream in one sample
_LARGEST_LAUNCH = 1 << 20  # values in g++'s model of a stream at a time: about 100 bytes each

#: What weft_run (templates/weft_bridge.cpp.j2) found wrong.
_FAULTS = {
    1: "gave fewer values than its shape says",
    2: "gave more values than its shape says",
    3: "set TLAST elsewhere than on the last value of the last sample",
    4: "left TKEEP bits at zero",
    5: "did not read all of its input",
}


@dataclass(frozen=True)
class _Facts:
    """What weft_firmware.json says."""

    project: str
    inputs: tuple[Tensor, ...]
    outputs: tuple[Tensor, ...]


# ---------------------------------------------------------------- writing


def write_firmware(graph: Any, folder: str | Path) -> Path:
    """Write the Vitis HLS project of `graph` (hls4ml.model.graph.ModelGraph, backend Vitis) and return its folder.

    The same graph gives the same bytes. A project that is there is replaced as a whole. Raises InputError for a folder
    that holds something else, or a graph that weft's top cannot be put around.
    """
    target = Path(folder)
    if target.exists() and not (target / FACTS).is_file() and (not target.is_dir() or any(target.iterdir())):
        raise InputError(f"{str(target)!r} holds something that is not firmware: give another folder")
    facts = _facts_of(graph)
    with folder_aside(target) as part:
        _write_hls4ml(graph, part)
        _write_top(graph, facts, part)
        (part / FACTS).write_text(json.dumps(_facts_json(facts), indent=1) + "\n", encoding="utf-8")
    return target


def _facts_of(graph: Any) -> _Facts:
    if graph.config.get_config_value("Backend") != "Vitis":
        raise InputError("firmware is written with hls4ml's Vitis backend: convert the model with backend='Vitis'")
    external = [weight.name for weight in graph.get_weight_variables() if weight.storage.lower() == "bram"]
    if external:
        raise InputError(
            f"weight {external[0]} would be read through a port of the top (hls4ml's BramFactor), where an overlay has "
            "no memory: raise BramFactor"
        )
    inputs = tuple(_port(variable) for variable in graph.get_input_variables())
    outputs = tuple(_port(variable) for variable in graph.get_output_variables())
    facts = _Facts(_identifier(graph.config.get_project_name()), inputs, outputs)
    return _checked(facts, "the hls4ml graph")


def _port(variable: Any) -> Tensor:
    fixed = read_type(variable.type.precision, f"stream {variable.name}")
    return Tensor(_identifier(variable.name), tuple(int(extent) for extent in variable.shape), fixed)


def _identifier(name: Any) -> str:
    if not isinstance(name, str) or not _IDENTIFIER.fullmatch(name):
        raise InputError(f"{name!r} is not a plain C++ name of letters, digits and underscores: rename it")
    return name


def _checked(facts: _Facts, where: str) -> _Facts:
    for ports, kind in ((facts.inputs, "inputs"), (facts.outputs, "outputs")):
        if not 1 <= len(ports) <= _MOST_PORTS:
            raise InputError(f"{where} has {len(ports)} {kind}, and firmware has 1 to {_MOST_PORTS}")
        for port in ports:
            if min(port.shape, default=0) < 1 or port.size > _LARGEST_SAMPLE:
                raise InputError(f"{where} has stream {port.name} of shape {port.shape}, which cannot be built")
            _ = port.type.storage  # raises for a type that no beat of 64 bits holds
    return facts


def _facts_json(facts: _Facts) -> dict[str, Any]:
    def ports(of: Sequence[Tensor]) -> list[dict[str, Any]]:
        return [{"name": port.name, "shape": list(port.shape), "type": str(port.type)} for port in of]

    return {
        "schema": SCHEMA,
        "project": facts.project,
        "inputs": ports(facts.inputs),
        "outputs": ports(facts.outputs),
    }


def _write_hls4ml(graph: Any, part: Path) -> None:
    """hls4ml's own project, less what differs from run to run: its stamp and the folder's name."""
    given, writer = graph.config.config, graph.config.writer_config
    graph.config.config = {**given, "OutputDir": str(part.resolve())}
    graph.config.writer_config = {**writer, "WriteTar": False}
    try:
        with warnings.catch_warnings(), contextlib.redirect_stdout(text_io.StringIO()):
            warnings.simplefilter("ignore")
            graph.write()
        stamp = str(graph.config.config["Stamp"])
    finally:
        graph.config.config, graph.config.writer_config = given, writer
    script = part / "build_lib.sh"
    script.write_text(script.read_text("utf-8").replace(stamp, "weft"), "utf-8")
    config = part / "hls4ml_config.yml"
    text = re.sub(r"(?m)^OutputDir: .*(?:\n  .*)*$", "OutputDir: .", config.read_text("utf-8"))
    config.write_text(re.sub(r"(?m)^Stamp: .*$", "Stamp: weft", text), "utf-8")


def _write_top(graph: Any, facts: _Facts, part: Path) -> None:
    streams = graph.config.get_config_value("IOType") == "io_stream"
    pairs = zip(facts.inputs, graph.get_input_variables(), strict=True)
    inputs = [_template_port(f"in{i}", port, variable, streams) for i, (port, variable) in enumerate(pairs)]
    pairs = zip(facts.outputs, graph.get_output_variables(), strict=True)
    outputs = [_template_port(f"out{i}", port, variable, streams) for i, (port, variable) in enumerate(pairs)]
    values = {
        "project": facts.project,
        "namespace": graph.config.get_writer_config().get("Namespace"),
        "streams": streams,
        "inputs": inputs,
        "outputs": outputs,
    }
    (part / "weft_csim").mkdir()
    for name in ("weft_top.h", "weft_top.cpp"):
        (part / name).write_text(render(f"{name}.j2", **values), encoding="utf-8")
    (part / "weft_csim" / "weft_bridge.cpp").write_text(render("weft_bridge.cpp.j2", **values), encoding="utf-8")
    for name in ("weft_weights.h", "ap_axi_sdata.h"):
        shutil.copyfile(TEMPLATES / name, part / "weft_csim" / name)


def _template_port(port_name: str, port: Tensor, variable: Any, streams: bool) -> dict[str, Any]:
    """What the templates say about one stream. `group`: values that travel together in hls4ml's own streams."""
    cpp_type, values = _identifier(variable.type.name), f"{port_name}_values"
    group = 1
    if streams:
        kind = variable.type
        group = kind.n_elem // kind.n_pack if kind.unpack else kind.n_elem * kind.n_pack
        depth = variable.pragma[1] if variable.pragma else port.size // group
        pragma = f"#pragma HLS STREAM variable={values} depth={depth}"
    else:
        mode = variable.pragma if isinstance(variable.pragma, str) else "partition"
        pragma = f"#pragma HLS ARRAY_{mode.upper()} variable={values} complete dim=0"
    return {
        "port": port_name,
        "type": str(port.type),
        "cpp_type": cpp_type,
        "width": port.type.width,
        "fraction": port.type.fraction,
        "signed": port.type.signed,
        "beat_bits": port.type.storage.itemsize * 8,
        "size": port.size,
        "group": group,
        "pragma": pragma,
        "variable": f"hls::stream<{cpp_type}> {values}" if streams else f"{cpp_type} {values}[{port.size}]",
        "parameter": f"hls::stream<{cpp_type}> &values" if streams else f"{cpp_type} values[{port.size}]",
    }


def render(template: str, **values: Any) -> str:
    """A template of hls/templates with `values`; a name it wants and does not get is an error."""
    environment = Environment(
        loader=FileSystemLoader(TEMPLATES),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        autoescape=False,  # C++ and Tcl, from names that were checked
    )
    return environment.get_template(template).render(**values)


# ---------------------------------------------------------------- compiling and running


def compile_firmware(folder: str | Path) -> Firmware:
    """Compile what `write_firmware` wrote with g++ (kept in weft's cache) and load it.

    Raises ArtefactError for a folder that is not firmware, ToolError where g++ is missing or fails.
    """
    source = Path(folder)
    facts = _read_facts(source)
    project = [f"firmware/{facts.project}.cpp", f"{facts.project}_bridge.cpp"]
    units = [*project, "weft_top.cpp", "weft_csim/weft_bridge.cpp"]
    missing = [unit for unit in units if not (source / unit).is_file()]
    if missing:
        raise ArtefactError(f"firmware {str(source)!r} lacks {missing[0]}: write it again")
    return Firmware(facts.project, facts.inputs, facts.outputs, compile_library(source, units))


def _read_facts(folder: Path) -> _Facts:
    path = folder / FACTS
    try:
        with path.open("rb") as file:
            found = json.loads(file.read(_LARGEST_FACTS))
        if found["schema"] != SCHEMA:
            schema = found["schema"]
            raise ArtefactError(f"{str(path)!r} is of schema {schema!r}, not {SCHEMA!r}: write the firmware again")
        facts = _Facts(
            _identifier(found["project"]),
            tuple(_read_port(port) for port in found["inputs"]),
            tuple(_read_port(port) for port in found["outputs"]),
        )
        return _checked(facts, str(path))
    except FileNotFoundError:
        raise ArtefactError(f"{str(folder)!r} is not firmware: it has no {FACTS}") from None
    except (OSError, ValueError, KeyError, TypeError, RecursionError, InputError) as error:
        if isinstance(error, ArtefactError):
            raise
        raise ArtefactError(f"{str(path)!r} is damaged ({error}): write the firmware again") from error


def _read_port(value: Any) -> Tensor:
    shape = tuple(value["shape"])
    if not all(type(extent) is int and extent > 0 for extent in shape) or len(shape) > 8:
        raise ValueError(f"shape {shape!r} is no shape")
    return Tensor(_identifier(value["name"]), shape, FixedType.parse(value["type"]))


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
