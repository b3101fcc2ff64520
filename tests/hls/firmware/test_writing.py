"""The Vitis HLS project of a design: the same bytes each time, a board's interface, nothing half-written."""

from __future__ import annotations

from pathlib import Path

import pytest

pytest.importorskip("hls4ml")

from firmware_graphs import mlp_graph, two_port_graph

from weft.boards.errors import InputError
from weft.hls.firmware import write_firmware
from weft.hls.precision import FixedType


def files(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_the_top_has_a_boards_interface(stream_folder: Path) -> None:
    header, source = (stream_folder / "weft_top.h").read_text(), (stream_folder / "weft_top.cpp").read_text()
    assert "typedef ap_axiu<16, 0, 0, 0> in0_beat;" in header  # ufixed<8> needs nine bits in two's complement
    assert "typedef ap_axiu<32, 0, 0, 0> out0_beat;" in header
    for pragma in (
        "INTERFACE axis port=in0",
        "INTERFACE axis port=out0",
        "INTERFACE s_axilite port=samples offset=0x10 bundle=control",
        "INTERFACE s_axilite port=return bundle=control",
        "DATAFLOW",
    ):
        assert f"#pragma HLS {pragma}\n" in source


def test_equal_graphs_give_equal_bytes(stream_folder: Path, tmp_path: Path) -> None:
    graph = mlp_graph("io_stream", FixedType(8, 0, False), FixedType(20, 9))
    first = files(write_firmware(graph, tmp_path / "a folder: with 'odd' name"))
    assert first == files(write_firmware(graph, tmp_path / "again"))
    assert first == files(stream_folder)
    assert str(tmp_path).encode() not in b"".join(first.values())
    assert graph.config.get_output_dir() == "net"  # the caller's graph is left as it was


def test_firmware_replaces_firmware_and_nothing_else(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    graph = two_port_graph()
    target = tmp_path / "firmware"
    write_firmware(graph, target)
    (target / "old").write_text("from the last time")
    write_firmware(graph, target)
    assert not (target / "old").exists()
    (target / "weft_firmware.json").unlink()
    with pytest.raises(InputError, match="not firmware"):
        write_firmware(graph, target)
    assert [path.name for path in tmp_path.iterdir()] == ["firmware"]
    assert capsys.readouterr().out == ""


def test_hls4mls_writer_options_are_kept(tmp_path: Path) -> None:
    graph = two_port_graph()
    graph.config.writer_config.update({"Namespace": "space", "WriteTar": True, "WriteWeightsTxt": False})
    folder = write_firmware(graph, tmp_path / "firmware")
    assert "using namespace space;" in (folder / "weft_top.cpp").read_text()
    assert not list((folder / "firmware" / "weights").glob("*.txt"))
    assert [path.name for path in tmp_path.iterdir()] == ["firmware"]  # a .tar.gz beside it would carry a time
    assert graph.config.writer_config["WriteTar"]


def test_a_failure_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    graph = two_port_graph()
    monkeypatch.setattr("weft.hls.rendering.TEMPLATES", tmp_path / "nowhere")
    with pytest.raises(Exception, match="weft_top"):
        write_firmware(graph, tmp_path / "firmware")
    assert list(tmp_path.iterdir()) == []


def test_another_backend_is_refused(tmp_path: Path) -> None:
    graph = two_port_graph()
    graph.config.config["Backend"] = "Vivado"
    with pytest.raises(InputError, match="Vitis"):
        write_firmware(graph, tmp_path / "firmware")


def test_a_name_that_is_no_cpp_name_is_refused(tmp_path: Path) -> None:
    graph = two_port_graph()
    graph.config.config["ProjectName"] = "../x"
    with pytest.raises(InputError, match="plain C"):
        write_firmware(graph, tmp_path / "firmware")
