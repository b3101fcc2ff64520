"""Writing a design's Vitis HLS project: hls4ml's own, weft's top around it, and the facts of its streams."""

from __future__ import annotations

import contextlib
import io as text_io
import re
import shutil
import warnings
from pathlib import Path
from typing import Any

from weft.boards.errors import InputError
from weft.hls.design import Tensor
from weft.hls.files import folder_aside
from weft.hls.firmware.facts import FACTS, Facts, checked, identifier, write_facts
from weft.hls.reader import read_type
from weft.hls.rendering import TEMPLATES, render


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
        write_facts(facts, part)
    return target


def _facts_of(graph: Any) -> Facts:
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
    facts = Facts(identifier(graph.config.get_project_name()), inputs, outputs)
    return checked(facts, "the hls4ml graph")


def _port(variable: Any) -> Tensor:
    fixed = read_type(variable.type.precision, f"stream {variable.name}")
    return Tensor(identifier(variable.name), tuple(int(extent) for extent in variable.shape), fixed)


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


def _write_top(graph: Any, facts: Facts, part: Path) -> None:
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
    cpp_type, values = identifier(variable.type.name), f"{port_name}_values"
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
