"""A design read off a project's C++ is the design of the ModelGraph that wrote it."""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from exactness import raw_inputs
from hypothesis import given, settings
from hypothesis import strategies as st
from projects import (
    Layers,
    einsum_layers,
    function_layers,
    image_layers,
    recurrent_layers,
    shape_layers,
    write_project,
)

from weft.boards.errors import ArtefactError
from weft.hls.design import Design, Tensor
from weft.sim import estimate
from weft.sim.cost.pipeline import is_dataflow

pytest.importorskip("hls4ml")

ALL = [("io_parallel", "Latency"), ("io_parallel", "Resource"), ("io_stream", "Latency"), ("io_stream", "Resource")]
MAKERS = [image_layers, function_layers, recurrent_layers, shape_layers]


@pytest.mark.parametrize(
    ("make", "io", "strategy"),
    [(make, *built) for make in MAKERS for built in ALL] + [(einsum_layers, "io_parallel", "Latency")],
)
def test_a_project_gives_the_integers_of_the_graph_that_wrote_it(
    make: Callable[[int, str, str], Layers], io: str, strategy: str, tmp_path: Path
) -> None:
    wanted = write_project(make(0, io, strategy), tmp_path / "net")
    read = Design.from_project(tmp_path / "net")
    raw = raw_inputs(wanted, 40, 0)
    for output, mine, theirs in zip(wanted.outputs, read.run(raw), wanted.run(raw), strict=True):
        np.testing.assert_array_equal(mine, theirs, err_msg=output)
    for read_name, name in zip(read.outputs, wanted.outputs, strict=True):
        assert read.tensors[read_name] == wanted.tensors[name]
    assert {row[0]: row[1:] for row in named_layers(read)} == {row[0]: row[1:] for row in named_layers(wanted)}


def named_layers(design: Design) -> list[tuple[str, str, str, int, list[Tensor]]]:
    """How every layer is built and what it writes; a Reshape's name is in no line of C++."""
    return [
        (layer.name, layer.kind, layer.strategy, layer.reuse_factor, [design.tensors[name] for name in layer.outputs])
        for layer in design.layers
        if layer.kind != "Reshape"
    ]


@pytest.fixture(scope="module", params=["io_parallel", "io_stream"])
def images(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[Design, Path]:
    """A small CNN and its project."""
    folder = tmp_path_factory.mktemp("project") / "net"
    return write_project(image_layers(0, request.param, "Latency"), folder), folder


@pytest.fixture
def project(images: tuple[Design, Path], tmp_path: Path) -> Path:
    """A copy to damage."""
    return shutil.copytree(images[1], tmp_path / "net")


def test_a_project_has_the_estimate_of_the_graph_that_wrote_it(images: tuple[Design, Path]) -> None:
    wanted, folder = images
    read = Design.from_project(folder)
    assert estimate(read, "zcu104").to_json() == estimate(wanted, "zcu104").to_json()
    assert (read.name, read.io, read.clock_ns, read.part) == (wanted.name, wanted.io, wanted.clock_ns, wanted.part)


def test_a_read_design_can_be_saved(images: tuple[Design, Path], tmp_path: Path) -> None:
    read = Design.from_project(images[1])
    read.save(tmp_path / "d")
    assert Design.load(tmp_path / "d").to_bytes() == read.to_bytes()


def test_a_project_of_backend_vivado_is_read(tmp_path: Path) -> None:
    wanted = write_project(function_layers(0, "io_parallel", "Latency"), tmp_path / "net", "Vivado")
    read = Design.from_project(tmp_path / "net")
    raw = raw_inputs(wanted, 20, 0)
    for mine, theirs in zip(read.run(raw), wanted.run(raw), strict=True):
        np.testing.assert_array_equal(mine, theirs)


@pytest.mark.parametrize(
    ("make", "io", "strategy", "settings", "pragma"),
    [
        (function_layers, "io_parallel", "Latency", {}, "PIPELINE"),
        (function_layers, "io_parallel", "Latency", {"PipelineStyle": "dataflow", "PipelineInterval": 9}, "DATAFLOW"),
        (function_layers, "io_parallel", "Latency", {"PipelineInterval": 7}, "PIPELINE II=7"),
        (function_layers, "io_parallel", "Latency", {"PipelineStyle": "Pipeline"}, "PIPELINE"),  # none, so auto
        (function_layers, "io_parallel", "Resource", {}, "DATAFLOW"),
        (function_layers, "io_parallel", "Resource", {"PipelineStyle": "pipeline"}, "PIPELINE"),
        (function_layers, "io_stream", "Latency", {}, "DATAFLOW"),
        (function_layers, "io_stream", "Latency", {"PipelineStyle": "pipeline"}, "PIPELINE"),
        (image_layers, "io_parallel", "Latency", {}, "DATAFLOW"),
        (image_layers, "io_parallel", "Latency", {"PipelineStyle": "pipeline"}, "PIPELINE"),
    ],
)
def test_the_style_of_the_top_is_what_hls4ml_wrote(
    make: Callable[[int, str, str], Layers],
    io: str,
    strategy: str,
    settings: dict[str, Any],
    pragma: str,
    tmp_path: Path,
) -> None:
    design = write_project(make(0, io, strategy), tmp_path / "net", **settings)
    assert f"#pragma HLS {pragma}\n" in (tmp_path / "net/firmware/net.cpp").read_text()
    interval = f" II={design.pipeline_interval}" if design.pipeline_interval else ""
    assert f"{design.pipeline_style.upper()}{interval}" == pragma
    for other in (Design.from_project(tmp_path / "net"), Design.from_bytes(design.to_bytes())):
        assert other.pipeline_style == design.pipeline_style
        assert other.pipeline_interval == design.pipeline_interval
    if not settings:
        assert is_dataflow(replace(design, pipeline_style="auto")) == (pragma == "DATAFLOW")


def refused(project: Path, words: str) -> None:
    with pytest.raises(ArtefactError, match=words) as caught:
        Design.from_project(project)
    assert "\n" not in str(caught.value)


def test_missing_weights_are_named(project: Path) -> None:
    (project / "firmware/weights/w7.h").unlink()
    refused(project, r"has no firmware/weights/w7\.h")


@pytest.mark.parametrize(
    ("file", "found", "instead", "words"),
    [
        ("weights/b7.h", r"= \{[^,]*, ", "= {", "b7.h .* holds 2 numbers, and 3 are declared"),
        ("weights/b7.h", r"= \{", "= {{1, 0, ", "only uncompressed weights"),
        ("nnet_utils/nnet_dense.h", "dense", "dance", r"is not that of hls4ml 1\.3\.0"),
        ("../project.tcl", '"vitis"', '"catapult"', "backend 'catapult': weft reads projects of Vitis and Vivado"),
        ("net.cpp", "#pragma HLS (PIPELINE|DATAFLOW)", "", "neither DATAFLOW nor PIPELINE"),
        ("net.cpp", "nnet::relu<", "nnet::hush<", "layer activation_2 calls nnet::hush, which weft does not read"),
        ("net.cpp", "    nnet::relu", "    system(1);\n nnet::relu", r"line that weft does not know: 'system\(1\);'"),
        ("net.cpp", r"relu_config3>\(\w+,", "relu_config3>(layer4_out,", "activation_2 reads .* there is a cycle"),
        ("parameters.h", "struct relu_config3", "struct other", "config relu_config3, which parameters.h lacks"),
        ("parameters.h", "in_height = 6", "in_height = 7", "reads .* values, and .* are given to it"),
        ("parameters.h", r".* pad_top = .*\n", "", "says nothing of pad_top"),
        ("parameters.h", r".* inp_norm_t;\n", "", "says nothing of inp_norm_t"),
        ("parameters.h", r"reuse_factor = \d+", "reuse_factor = 0", "has reuse factor 0"),
        ("parameters.h", r"reuse_factor = \d+", "reuse_factor = 9999", "has reuse factor 9999"),
        (
            "defines.h",
            r"<[^>]*> conv2d_1_accum_t",
            "<80,40> conv2d_1_accum_t",
            "conv2d_1_accum_t .* width 80 is outside",
        ),
    ],
)
def test_what_is_damaged_or_not_understood_is_named(
    project: Path, file: str, found: str, instead: str, words: str
) -> None:
    path = project / "firmware" / file
    text = path.read_text()
    assert re.search(found, text)
    path.write_text(re.sub(found, instead, text))
    refused(project, words)


def test_a_folder_that_is_nothing_is_refused(tmp_path: Path) -> None:
    refused(tmp_path, r"has no project\.tcl")
    refused(tmp_path / "nowhere", "is no folder")


def test_a_link_out_of_the_project_is_refused(project: Path, tmp_path: Path) -> None:
    outside = tmp_path / "outside.h"
    (project / "firmware/weights/w7.h").rename(outside)
    (project / "firmware/weights/w7.h").symlink_to(outside)
    refused(project, "leads out of the project")


def test_a_fifo_without_room_is_refused(tmp_path: Path) -> None:
    write_project(image_layers(0, "io_stream", "Latency"), tmp_path / "net")
    path = tmp_path / "net/firmware/net.cpp"
    path.write_text(re.sub(r"variable=layer3_out depth=\d+", "variable=layer3_out depth=0", path.read_text()))
    refused(tmp_path / "net", "tensor activation_2 has FIFO depth 0")


def test_python_objects_in_the_configuration_are_never_made(project: Path, tmp_path: Path) -> None:
    path = f"!!python/object/apply:pathlib.Path [{tmp_path}/made]"
    bomb = f"PytorchModel: !!python/object/apply:pathlib.Path.touch [{path}]\n"
    config = project / "hls4ml_config.yml"
    config.write_text(bomb + config.read_text())
    assert Design.from_project(project).name == "net"
    assert not (tmp_path / "made").exists()


@settings(max_examples=60)
@given(st.sampled_from(["firmware/net.cpp", "firmware/parameters.h", "firmware/defines.h", "project.tcl"]), st.data())
def test_damaged_text_gives_a_design_or_a_refusal(
    images: tuple[Design, Path], tmp_path_factory: pytest.TempPathFactory, name: str, data: st.DataObject
) -> None:
    folder = tmp_path_factory.mktemp("damaged") / "net"
    shutil.copytree(images[1], folder, symlinks=True)
    lines = (folder / name).read_text().splitlines(keepends=True)
    place = data.draw(st.integers(0, len(lines) - 1))
    line = lines[place]
    cut = data.draw(st.integers(0, len(line)))
    lines[place] = (
        line[:cut] + data.draw(st.sampled_from(["", "0", "-1", "7*7", ",", "<", "}", "x", "\n"])) + line[cut + 1 :]
    )
    (folder / name).write_text("".join(lines))
    try:
        assert isinstance(Design.from_project(folder), Design)
    except ArtefactError as error:
        assert "\n" not in str(error)


def test_reshapes_of_reshapes_are_read_however_many(project: Path) -> None:
    text = (project / "firmware/net.cpp").read_text()
    chain = "".join(f"    auto& r{i} = {f'r{i - 1}' if i else 'inputlayer_0'};\n" for i in range(3000))
    (project / "firmware/net.cpp").write_text(text.replace("insert layers\n", f"insert layers\n{chain}"))
    assert sum(layer.kind == "Reshape" for layer in Design.from_project(project).layers) == 3000
