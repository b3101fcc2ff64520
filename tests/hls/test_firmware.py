"""Firmware that g++ compiled: weft's top against hls4ml's own C simulation, and the cache it lies in."""

from __future__ import annotations

import json
import shutil
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

pytest.importorskip("hls4ml")

from weft.boards.errors import ArtefactError, InputError, ToolError
from weft.hls import compiler
from weft.hls.firmware import Firmware, compile_firmware, write_firmware
from weft.hls.precision import FixedType

if shutil.which("g++") is None:
    pytest.skip("g++ is not on PATH", allow_module_level=True)

HIDDEN = FixedType(9, 3, signed=False, rounding="RND_CONV", overflow="SAT")


def hls4ml_text(fixed: FixedType) -> str:
    return f"{'' if fixed.signed else 'u'}fixed<{fixed.width},{fixed.integer},{fixed.rounding},{fixed.overflow}>"


def dense_layer(name: str, source: str, n_in: int, n_out: int, rng: np.random.Generator) -> dict[str, Any]:
    return {
        "class_name": "Dense",
        "name": name,
        "inputs": [source],
        "n_in": n_in,
        "n_out": n_out,
        "weight_data": rng.normal(0, 0.7, (n_in, n_out)),
        "bias_data": rng.normal(0, 0.7, n_out),
        "use_bias": True,
    }


def make_graph(
    layers: list[dict[str, Any]],
    types: dict[str, FixedType],
    inputs: Sequence[str],
    outputs: Sequence[str],
    io: str,
    project: str,
) -> Any:
    """An hls4ml ModelGraph; `types` are the layers' results; weights are fixed<8,3>, accumulators fixed<24,12>."""
    from hls4ml.model.graph import ModelGraph

    other = {"weight": "fixed<8,3>", "bias": "fixed<8,3>", "accum": "fixed<24,12>"}
    names = {
        layer["name"]: {"Precision": {**other, "result": hls4ml_text(types[layer["name"]])}, "Strategy": "Latency"}
        for layer in layers
    }
    config = {
        "Backend": "Vitis",
        "ProjectName": project,
        "OutputDir": project,
        "Part": "xc7z020clg400-1",
        "ClockPeriod": 10,
        "ClockUncertainty": "27%",
        "IOType": io,
        "WriterConfig": {
            "Namespace": None,
            "WriteWeightsTxt": True,
            "WriteTar": False,
            "TBOutputStream": "stdout",
        },
        "HLSConfig": {
            "Model": {"Precision": "fixed<16,6>", "ReuseFactor": 1, "Strategy": "Latency"},
            "LayerName": names,
        },
    }
    return ModelGraph.from_layer_list(config, layers, list(inputs), list(outputs))


def mlp_graph(io: str, given: FixedType, result: FixedType, project: str = "net", seed: int = 0) -> Any:
    """4x3 inputs (three channels, so that a stream's groups are not the whole sample), two Dense layers."""
    rng = np.random.default_rng(seed)
    layers = [
        {"class_name": "InputLayer", "name": "x", "input_shape": [4, 3]},
        {"class_name": "Reshape", "name": "flat", "inputs": ["x"], "target_shape": [12]},
        dense_layer("first", "flat", 12, 5, rng),
        {"class_name": "Activation", "name": "act", "inputs": ["first"], "activation": "relu", "n_in": 5},
        dense_layer("second", "act", 5, 3, rng),
    ]
    types = {"x": given, "flat": given, "first": FixedType(16, 6), "act": HIDDEN, "second": result}
    return make_graph(layers, types, ["x"], ["second"], io, project)


def two_port_graph() -> Any:
    """Two inputs of unlike types, two outputs."""
    rng = np.random.default_rng(5)
    layers = [
        {"class_name": "InputLayer", "name": "a", "input_shape": [6]},
        {"class_name": "InputLayer", "name": "b", "input_shape": [6]},
        dense_layer("left", "a", 6, 4, rng),
        dense_layer("right", "b", 6, 2, rng),
    ]
    types = {"a": FixedType(8, 0, False), "b": FixedType(7, 3), "left": FixedType(12, 6), "right": FixedType(33, 8)}
    return make_graph(layers, types, ["a", "b"], ["left", "right"], "io_parallel", "two_ports")


@pytest.fixture(scope="session")
def stream_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    graph = mlp_graph("io_stream", FixedType(8, 0, False), FixedType(20, 9))
    return write_firmware(graph, tmp_path_factory.mktemp("stream") / "firmware")


@pytest.fixture(scope="session")
def stream(stream_folder: Path) -> Firmware:
    """io_stream, input ufixed<8,0>, which travels as 16 bits."""
    return compile_firmware(stream_folder)


@pytest.fixture(scope="session")
def parallel(tmp_path_factory: pytest.TempPathFactory) -> Firmware:
    """io_parallel, a narrow signed input and output, the same project name as `stream` and other weights."""
    graph = mlp_graph("io_parallel", FixedType(6, 2, rounding="RND", overflow="SAT"), FixedType(8, 5), seed=1)
    return compile_firmware(write_firmware(graph, tmp_path_factory.mktemp("parallel") / "firmware"))


def values(firmware: Firmware, samples: int, seed: int = 0) -> NDArray[np.float64]:
    rng, port = np.random.default_rng(seed), firmware.inputs[0]
    raw = rng.integers(port.type.minimum, port.type.maximum + 1, (samples, *port.shape))
    return port.type.to_float(raw)


def assert_same(firmware: Firmware, x: NDArray[np.float64]) -> None:
    raw = firmware.run(x)
    assert isinstance(raw, np.ndarray)
    assert raw.dtype == np.int64
    assert raw.shape == (len(x), *firmware.outputs[0].shape)
    expected = np.asarray(firmware.predict(x))
    np.testing.assert_array_equal(raw, np.ldexp(expected, firmware.outputs[0].type.fraction).astype(np.int64))
    assert len(np.unique(raw)) > min(20, len(x))  # not all the same


@pytest.mark.parametrize("name", ["stream", "parallel"])
def test_the_top_gives_hls4mls_integers(name: str, request: pytest.FixtureRequest) -> None:
    firmware = request.getfixturevalue(name)
    assert_same(firmware, values(firmware, 200))


def test_two_designs_of_one_name_live_in_one_process(stream: Firmware, parallel: Firmware) -> None:
    x, y = values(stream, 20, 1), values(parallel, 20, 2)
    first, second = stream.run(x), parallel.run(y)
    for _ in range(2):
        np.testing.assert_array_equal(stream.run(x), first)
        np.testing.assert_array_equal(parallel.run(y), second)
    assert_same(stream, x)
    assert_same(parallel, y)


def test_samples_do_not_depend_on_their_neighbours(stream: Firmware) -> None:
    x = values(stream, 9)
    together = np.asarray(stream.run(x))
    np.testing.assert_array_equal(together, np.concatenate([np.asarray(stream.run(x[i : i + 1])) for i in range(9)]))


def test_long_batches_go_in_several_launches(stream: Firmware, monkeypatch: pytest.MonkeyPatch) -> None:
    x = values(stream, 10)
    whole = stream.run(x)
    monkeypatch.setattr("weft.hls.firmware._LARGEST_LAUNCH", 40)  # three samples of twelve values
    np.testing.assert_array_equal(stream.run(x), whole)


def test_floats_are_quantised_and_integers_are_raw(stream: Firmware, parallel: Firmware) -> None:
    rng = np.random.default_rng(3)
    for firmware in (stream, parallel):
        x = rng.normal(0, 3, (30, *firmware.inputs[0].shape))
        raw = firmware.inputs[0].type.quantise(x)
        np.testing.assert_array_equal(firmware.run(x), firmware.run(raw))
        np.testing.assert_array_equal(firmware.run(x.reshape(30, -1)), firmware.run(raw))
        assert_same(firmware, x)


def test_threads_take_turns(stream: Firmware) -> None:
    batches = [values(stream, 50, seed) for seed in range(8)]
    alone = [np.asarray(stream.run(x)) for x in batches]
    with ThreadPoolExecutor(4) as pool:
        for got, want in zip(pool.map(stream.run, batches), alone, strict=True):
            np.testing.assert_array_equal(got, want)


def test_no_samples_give_no_results(stream: Firmware) -> None:
    assert np.asarray(stream.run(np.zeros((0, 4, 3)))).shape == (0, 3)


def test_several_inputs_and_outputs(tmp_path: Path) -> None:
    firmware = compile_firmware(write_firmware(two_port_graph(), tmp_path / "firmware"))
    rng = np.random.default_rng(0)
    a = firmware.inputs[0].type.to_float(rng.integers(0, 256, (50, 6)))
    b = firmware.inputs[1].type.to_float(rng.integers(-64, 64, (50, 6)))
    raw, expected = firmware.run([a, b]), firmware.predict([a, b])
    assert isinstance(raw, list)
    assert [port.type.storage.name for port in (*firmware.inputs, *firmware.outputs)] == [
        "int16",
        "int8",
        "int16",
        "int64",
    ]
    for port, got, want in zip(firmware.outputs, raw, expected, strict=True):
        np.testing.assert_array_equal(port.type.to_float(got), want)
        assert len(np.unique(got)) > 20
    with pytest.raises(InputError, match="batches of"):
        firmware.run([a, b[:3]])
    with pytest.raises(InputError, match="2 inputs, and 1"):
        firmware.run(a)


@pytest.mark.parametrize(
    ("array", "said"),
    [
        (np.zeros((2, 5)), "shape"),
        (np.zeros(12), "shape"),
        (np.full((1, 4, 3), np.nan), "NaN"),
        (np.zeros((1, 4, 3), complex), "dtype"),
        (np.full((1, 4, 3), 256), "outside ufixed<8,0>"),
        (np.full((1, 4, 3), -1), "outside ufixed<8,0>"),
    ],
)
def test_bad_arrays_are_refused(stream: Firmware, array: NDArray[Any], said: str) -> None:
    with pytest.raises(InputError, match=said):
        stream.run(array)


# ---------------------------------------------------------------- the protocol


def broken(source: Path, target: Path, old: str, new: str) -> Firmware:
    """The firmware with one line of weft's top changed."""
    shutil.copytree(source, target)
    top = target / "weft_top.cpp"
    text = top.read_text()
    assert old in text
    top.write_text(text.replace(old, new))
    return compile_firmware(target)


def test_a_misplaced_tlast_is_noticed(stream_folder: Path, tmp_path: Path) -> None:
    old, new = "beat.last = sample + 1 == samples && ", "beat.last = "  # the last value of every sample
    firmware = broken(stream_folder, tmp_path / "firmware", old, new)
    firmware.run(values(firmware, 1))
    with pytest.raises(ToolError, match="TLAST"):
        firmware.run(values(firmware, 3))


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


# ---------------------------------------------------------------- the folder


def files(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


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
    monkeypatch.setattr("weft.hls.firmware.TEMPLATES", tmp_path / "nowhere")
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


@pytest.mark.parametrize(
    "change",
    [
        {"schema": "weft-firmware/2"},
        {"project": "../../net"},
        {"project": 3},
        {"inputs": []},
        {"inputs": [{"name": "x", "shape": [1 << 40], "type": "fixed<8,3>"}]},
        {"inputs": [{"name": "x", "shape": [True], "type": "fixed<8,3>"}]},
        {"inputs": [{"name": "x", "shape": [3], "type": "double"}]},
        {"outputs": "no"},
    ],
)
def test_damaged_facts_are_refused(stream_folder: Path, tmp_path: Path, change: dict[str, Any]) -> None:
    facts = json.loads((stream_folder / "weft_firmware.json").read_text())
    (tmp_path / "weft_firmware.json").write_text(json.dumps({**facts, **change}))
    with pytest.raises(ArtefactError, match=r"weft_firmware\.json"):
        compile_firmware(tmp_path)


def test_facts_of_another_design_are_refused(stream: Firmware, stream_folder: Path, tmp_path: Path) -> None:
    other = tmp_path / "firmware"
    shutil.copytree(stream_folder, other)
    path = other / "weft_firmware.json"
    path.write_text(path.read_text().replace("4,", "3,"))
    with pytest.raises(ArtefactError, match=r"\[9, 3\] values, and its C\+\+ of \[12, 3\]"):
        compile_firmware(other)  # before a buffer of nine values meets code that writes twelve


def test_a_folder_without_sources_is_refused(stream_folder: Path, tmp_path: Path) -> None:
    with pytest.raises(ArtefactError, match="not firmware"):
        compile_firmware(tmp_path)
    shutil.copyfile(stream_folder / "weft_firmware.json", tmp_path / "weft_firmware.json")
    with pytest.raises(ArtefactError, match=r"lacks firmware/net\.cpp"):
        compile_firmware(tmp_path)


# ---------------------------------------------------------------- the cache


def entry_of(cache: Path, folder: Path) -> Path:
    project = ["firmware/net.cpp", "net_bridge.cpp"]
    return cache / "firmware" / compiler._key(folder, [*project, "weft_top.cpp", "weft_csim/weft_bridge.cpp"])


@pytest.fixture
def own_cache(
    cache_folder: Path, stream: Firmware, stream_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Path:
    """A cache of the test's own that holds `stream`: what it damages is nobody else's."""
    own = tmp_path / "cache"
    shutil.copytree(entry_of(cache_folder, stream_folder), entry_of(own, stream_folder))
    monkeypatch.setenv("WEFT_CACHE_DIR", str(own))
    return own


def test_the_cache_is_private_and_used(
    own_cache: Path, stream: Firmware, stream_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(compiler, "_compile", lambda *_: pytest.fail("compiled again"))
    assert_same(compile_firmware(stream_folder), values(stream, 5))
    assert (own_cache / "firmware").stat().st_mode & 0o777 == 0o700


@pytest.mark.parametrize("damage", ["library.so", "weights/b*.txt", "hashes.json"])
@pytest.mark.parametrize("how", ["changed", "removed"])
def test_a_damaged_entry_is_made_anew(
    own_cache: Path, stream: Firmware, stream_folder: Path, damage: str, how: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    entry = entry_of(own_cache, stream_folder)
    sound = (entry / "library.so").read_bytes()
    calls: list[Path] = []

    def compile_again(_folder: Path, _units: Any, _work: Path, library: Path, _log: Path) -> None:
        library.write_bytes(sound)  # what g++ gave: that it is asked again is what matters here
        calls.append(library)

    monkeypatch.setattr(compiler, "_compile", compile_again)
    target = sorted(entry.glob(damage))[0]
    if how == "changed":
        target.write_bytes(target.read_bytes()[:-8] + b"damaged!")
    else:
        target.unlink()
    assert_same(compile_firmware(stream_folder), values(stream, 5))
    assert len(calls) == 1
    assert compiler._is_whole(entry)
    assert [path.name for path in sorted(entry.parent.iterdir())] == [entry.name, f"{entry.name}.lock"]


def test_other_weights_are_another_entry(stream_folder: Path, tmp_path: Path) -> None:
    other = tmp_path / "firmware"
    shutil.copytree(stream_folder, other)
    weights = sorted((other / "firmware" / "weights").glob("w*.txt"))[0]
    weights.write_text(weights.read_text().replace("0", "1", 1))
    assert entry_of(tmp_path, other) != entry_of(tmp_path, stream_folder)


def test_a_compile_error_names_its_line_and_its_log(stream_folder: Path, tmp_path: Path, own_cache: Path) -> None:
    with pytest.raises(ToolError, match=r"weft_top\.cpp.*error.*whole log: .*\.log") as raised:
        broken(stream_folder, tmp_path / "firmware", "void weft_top(", "void weft_top(nothing_known x, ")
    log = Path(str(raised.value).split("whole log: ")[1].rstrip(")"))
    assert "nothing_known" in log.read_text()
    assert own_cache in log.parents
    assert not [path for path in (own_cache / "firmware").iterdir() if path.name.startswith(".")]


def test_a_missing_compiler_is_one_sentence(
    stream_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    compiler._compiler.cache_clear()
    try:
        with pytest.raises(ToolError, match=r"g\+\+ is not on PATH.*apt-get install g\+\+"):
            compile_firmware(stream_folder)
    finally:
        compiler._compiler.cache_clear()
