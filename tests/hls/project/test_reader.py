"""A design read off a project's C++ is the design of the ModelGraph that wrote it."""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from exactness import design_of, raw_inputs
from hypothesis import given, settings
from hypothesis import strategies as st
from projects import shape_network, write_project
from random_graphs import RandomNetwork, activation_network, dense_network, image_network

from weft.boards.errors import ArtefactError
from weft.hls.design import Design, Tensor
from weft.sim import estimate

pytest.importorskip("hls4ml")

NETWORKS = [activation_network, dense_network, image_network, shape_network]


@pytest.mark.parametrize("io", ["io_parallel", "io_stream"])
@pytest.mark.parametrize("make", NETWORKS)
@pytest.mark.parametrize("seed", [0, 1])
def test_a_project_gives_the_integers_of_the_graph_that_wrote_it(
    make: Callable[[int, str], RandomNetwork], io: str, seed: int, tmp_path: Path
) -> None:
    wanted = design_of(make(seed, io), "net")
    read = Design.from_project(write_project(wanted.graph, tmp_path / "net"))
    raw = raw_inputs(wanted, 40, seed)
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
    design = design_of(image_network(2, request.param), "net")
    return design, write_project(design.graph, tmp_path_factory.mktemp("project") / "net")


@pytest.fixture
def project(images: tuple[Design, Path], tmp_path: Path) -> Path:
    """A copy to damage."""
    return shutil.copytree(images[1], tmp_path / "net")


def edit(path: Path, old: str, new: str) -> None:
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new, 1))


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
    network = dense_network(0, "io_parallel")
    wanted = design_of(network, "net", backend="Vivado")
    read = Design.from_project(write_project(wanted.graph, tmp_path / "net"))
    raw = raw_inputs(wanted, 20, 0)
    for mine, theirs in zip(read.run(raw), wanted.run(raw), strict=True):
        np.testing.assert_array_equal(mine, theirs)


def refused(project: Path, words: str) -> None:
    with pytest.raises(ArtefactError, match=words) as caught:
        Design.from_project(project)
    assert "\n" not in str(caught.value)


def test_missing_weights_are_named(project: Path) -> None:
    (project / "firmware/weights/w7.h").unlink()
    refused(project, r"has no firmware/weights/w7\.h")


def test_weights_of_another_number_are_refused(project: Path) -> None:
    path = project / "firmware/weights/b7.h"
    path.write_text(re.sub(r"= \{[^,]*, ", "= {", path.read_text()))
    refused(project, "b7.h .* holds 2 numbers, and 3 are declared")


def test_compressed_weights_are_refused(project: Path) -> None:
    path = project / "firmware/weights/b7.h"
    path.write_text(path.read_text().replace("= {", "= {{1, 0, "))
    refused(project, "only uncompressed weights")


def test_kernels_of_another_hls4ml_are_refused(project: Path) -> None:
    edit(project / "firmware/nnet_utils/nnet_dense.h", "dense", "dance")
    refused(project, r"is not that of hls4ml 1\.3\.0")


def test_another_backend_is_refused(project: Path) -> None:
    edit(project / "project.tcl", '"vitis"', '"catapult"')
    refused(project, "backend 'catapult': weft reads projects of Vitis and Vivado")


def test_a_folder_that_is_nothing_is_refused(tmp_path: Path) -> None:
    refused(tmp_path, r"has no project\.tcl")
    refused(tmp_path / "nowhere", "is no folder")


def test_a_link_out_of_the_project_is_refused(project: Path, tmp_path: Path) -> None:
    outside = tmp_path / "outside.h"
    (project / "firmware/weights/w7.h").rename(outside)
    (project / "firmware/weights/w7.h").symlink_to(outside)
    refused(project, "leads out of the project")


def test_an_unknown_kernel_is_refused_by_its_layer(project: Path) -> None:
    edit(project / "firmware/net.cpp", "nnet::relu<", "nnet::hush<")
    refused(project, "layer layer_2 calls nnet::hush, which weft does not read")


def test_an_unknown_line_is_refused_as_it_stands(project: Path) -> None:
    edit(project / "firmware/net.cpp", "    nnet::relu", "    system(1);\n    nnet::relu")
    refused(project, r"line that weft does not know: 'system\(1\);'")


def test_a_missing_struct_is_named(project: Path) -> None:
    edit(project / "firmware/parameters.h", "struct relu_config3", "struct relu_config99")
    refused(project, "layer_2 has config relu_config3, which parameters.h lacks")


def test_an_extent_that_contradicts_the_data_is_refused(project: Path) -> None:
    edit(project / "firmware/parameters.h", "in_height = 4", "in_height = 5")
    refused(project, "reads .* values, and .* are given to it")


def test_a_cycle_is_refused(project: Path) -> None:
    text = (project / "firmware/net.cpp").read_text()
    first, second = re.search(r"relu_config3>\((\w+), ", text), re.search(r"config4>\(\w+, (\w+),", text)
    assert first is not None
    assert second is not None
    edit(project / "firmware/net.cpp", first[0], f"relu_config3>({second[1]}, ")
    refused(project, "layer_2 reads .* there is a cycle")


@pytest.mark.parametrize("factor", ["0", "9999"])
def test_a_reuse_factor_that_cannot_be_is_refused(project: Path, factor: str) -> None:
    path = project / "firmware/parameters.h"
    path.write_text(re.sub(r"reuse_factor = \d+", f"reuse_factor = {factor}", path.read_text()))
    refused(project, f"has reuse factor {factor}")


def test_a_type_wider_than_exact_is_refused(project: Path) -> None:
    path = project / "firmware/defines.h"
    path.write_text(
        re.sub(r"typedef ap_fixed<[^>]*> layer_6_accum_t", "typedef ap_fixed<80,40> layer_6_accum_t", path.read_text())
    )
    refused(project, "layer_6_accum_t .* width 80 is outside 1 to 64 bits")


def test_a_fifo_without_room_is_refused(tmp_path: Path) -> None:
    project = write_project(design_of(image_network(2, "io_stream"), "net").graph, tmp_path / "net")
    path = project / "firmware/net.cpp"
    path.write_text(re.sub(r"variable=layer3_out depth=\d+", "variable=layer3_out depth=0", path.read_text()))
    refused(project, "tensor layer_2 has FIFO depth 0")


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
