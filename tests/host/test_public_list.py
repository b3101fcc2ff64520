"""The public names are what the README says, all of them work, and importing weft stays light."""

from __future__ import annotations

import subprocess
import sys

import weft


def test_public_names() -> None:
    assert set(weft.__all__) == {
        *("load", "compress", "plan", "Session", "simulate", "build"),
        *("Design", "Report", "WeftError", "__version__", "backend"),
    }
    for name in weft.__all__:
        value = getattr(weft, name)
        if not name.startswith("_"):
            assert value.__doc__
            assert getattr(value, "__module__", value.__name__).startswith("weft.")
    assert set(dir(weft)) == set(weft.__all__)


def test_every_name_comes_without_the_extras() -> None:
    code = (
        "import sys, weft\n"
        "light = {m for m in sys.modules if m.startswith('weft.')}\n"
        "[getattr(weft, name) for name in weft.__all__]\n"
        "heavy = {'hls4ml', 'pynq', 'torch', 'grpc', 'pyopencl', 'ray'} & set(sys.modules)\n"
        "assert not light, light\n"
        "assert not heavy, heavy\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=120)


def test_an_unknown_name_is_an_attribute_error() -> None:
    assert not hasattr(weft, "quantum")
