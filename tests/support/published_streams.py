"""conv_stream.csv: streaming CNNs whose reports give no shapes (`stream_networks` has them)."""

from __future__ import annotations

import csv
import re
from collections import defaultdict
from collections.abc import Iterator, Sequence
from pathlib import Path

from published import Case, Row, figures_of
from stream_networks import KEB_LAYERS, TUTORIAL_LAYERS, Style, keb_network, kind_of, tutorial_network

from weft.hls.design import Design


def stream_cases(path: Path) -> Iterator[Case]:
    """Layers and whole designs. The first implementation ("phil", functions Loop_N_proc) is not hls4ml's: left out."""
    reports = defaultdict(list)
    with path.open(newline="") as file:
        for row in csv.DictReader(file):
            reports[row["file"]].append(row)
    for name, rows in reports.items():
        if "phil" not in name:
            yield from _report(name, rows)


def _report(file: str, rows: Sequence[Row]) -> Iterator[Case]:
    name = file.split("/")[0]
    tutorial = name in TUTORIAL_LAYERS
    by_config = {found[1]: row for row in rows if (found := re.search(r"config(\d+)", row["module"]))}
    names = TUTORIAL_LAYERS[name] if tutorial else KEB_LAYERS
    published = {layer: by_config[re.sub(r"\D", "", layer)] for layer in names}
    design = tutorial_network(name) if tutorial else _keb(file, published)
    tool, repo = f"vivado-{rows[0]['tool'][:6]}", rows[0]["source"].removeprefix("git mirror ").split("@")[0]
    label = name if tutorial else "/".join(file.replace("/results", "").split("/")[-3:-1])
    older = "line_buffer/" in file  # its pooling, softmax and Dense are not yet those of hls4ml
    shared = design.layers[1].strategy == "resource"
    for layer, row in published.items():
        kind = kind_of(layer)
        if older and kind in ("pool", "softmax", "dense"):
            continue
        figures = _figures(row)
        if not tutorial and (kind == "softmax" or (shared and kind in ("conv", "dense"))):
            del figures["dsp"]  # where the reuse factor comes from
        if name.startswith("quantized"):  # its types are known in part
            figures = {figure: figures[figure] for figure in figures if figure not in ("dsp", "lut", "ff")}
        yield Case(f"{label} {layer}", f"{kind}, io_stream", design, "alveo-u250", tool, figures, layer, repo)
    top = next(row for row in rows if row["kind"] == "TOP")
    figures = {**_figures(top), "interval best": float(top["ii_min"]), **_cosim(top["cosim"])}
    for figure in ("dsp", "lut", "ff") if older or name.startswith("quantized") else ("dsp",):
        del figures[figure]
    yield Case(f"{label} top", "top, io_stream", design, "alveo-u250", tool, figures, None, repo)


def _keb(file: str, published: dict[str, Row]) -> Design:
    filters = int(re.search(r"model(\d+)", file)[1])  # type: ignore[index]  # every such file is of a modelN
    implementation = "linebuffer" if "line_buffer" in file else "encoded"
    style = Style("latency" if "_latency/" in file else "resource", implementation)
    dsps = {name: int(row["bram"].split("|")[1]) for name, row in published.items()}
    return keb_network(filters, dsps, style)


def _figures(row: Row) -> dict[str, float]:
    counts = dict(zip(("bram", "dsp", "ff", "lut"), row["bram"].split("|"), strict=False))
    return figures_of({**row, **counts}, "lat_min", "lat_max")


def _cosim(text: str) -> dict[str, float]:
    """A first sample's latency, the least published, and the cycles between samples once the pipeline is full.

    Where there were three samples the third starts when the first is out, so what is full shows between their ends, in
    the order of latencies that makes the two gaps alike; of more samples it is the largest interval.
    """
    if not text:
        return {}
    latency, middle, most, least, mean, last = (int(value) for value in text.split("/"))
    if abs(2 * mean - least - last) > 1:
        return {"run latency": latency, "run interval": last}
    other = 3 * middle - latency - most
    starts = 0, least, least + last
    orders = (latency, most, other), (latency, other, most)
    ends = [[start + one for start, one in zip(starts, order, strict=True)] for order in orders]
    gaps = [(two - one, three - two) for one, two, three in ends]
    steady = min(gaps, key=lambda pair: abs(pair[0] - pair[1]))
    return {"run latency": latency, "run interval": sum(steady) / 2}
