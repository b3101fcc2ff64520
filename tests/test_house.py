"""The house itself: what lies where, what the wheel carries, what importing costs, and what a bare machine is told."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import tomllib
import zipfile
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
ROOMS = ["host", "sim", "hls", "boards"]  # in import order
TOP = {
    *ROOMS,
    *(".ci", ".gitignore", ".pre-commit-config.yaml", ".src", "bitstreams", "docs", "examples", "tests"),
    *("CHANGELOG.md", "CONTRIBUTING.md", "LICENSE", "Makefile", "README.md", "pyproject.toml"),
}
DATA = {".toml", ".j2", ".cpp", ".h", ".tcl", ".cl"}


def run(*command: str | Path, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run in the checkout, with nothing inherited from a make that may be running these tests."""
    kept = {key: value for key, value in os.environ.items() if not key.startswith(("MAKE", "MFLAGS", "PYTEST", "COV"))}
    return subprocess.run(
        [str(part) for part in command],
        cwd=ROOT,
        env=kept | environment,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )


@pytest.fixture(scope="module")
def tracked() -> list[Path]:
    """Every file git keeps, or would keep if it were added now."""
    if shutil.which("git") is None:
        pytest.skip("git is not installed")
    listed = run("git", "ls-files", "-z", "--cached", "--others", "--exclude-standard")
    if listed.returncode:
        pytest.skip("not a git checkout")
    return sorted({Path(name) for name in listed.stdout.split("\0") if name and os.path.lexists(ROOT / name)})


@pytest.fixture(scope="module")
def wheel(tracked: list[Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A wheel built from a copy of the tracked files, as building leaves folders behind."""
    try:
        if int(version("setuptools").split(".")[0]) < 77:
            pytest.skip("setuptools 77 or newer is not installed")
    except PackageNotFoundError:
        pytest.skip("setuptools 77 or newer is not installed")
    source, out = tmp_path_factory.mktemp("source"), tmp_path_factory.mktemp("wheel")
    for name in tracked:
        (source / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / name, source / name, follow_symlinks=False)
    built = run(
        *(sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation", "--no-index"),
        *("--wheel-dir", out, source),
    )
    assert built.returncode == 0, built.stderr
    return next(out.glob("weft-*.whl"))


def test_top_level_is_the_house_and_nothing_else(tracked: list[Path]) -> None:
    assert {name.parts[0] for name in tracked} <= TOP


def test_rooms_are_relative_links() -> None:
    for room in ROOMS:
        link = ROOT / ".src" / "weft" / room
        assert link.is_symlink()
        assert link.readlink() == Path(f"../../{room}")


def test_no_path_of_one_machine(tracked: list[Path]) -> None:
    machine = re.compile(rb"(?<![\w.\-/])/(?:work|root|home)/[\w.]")
    found = [name for name in tracked if (ROOT / name).is_file() and machine.search((ROOT / name).read_bytes())]
    assert not found


def test_tests_mirror_the_rooms(tracked: list[Path]) -> None:
    """tests/<room>/test_<file>.py: a folder of tests is a room's folder, `bench` or data."""
    folders = {name.parts[1] for name in tracked if name.parts[0] == "tests" and name.name.startswith("test_")}
    assert {folder for folder in folders if not folder.endswith(".py")} <= {*ROOMS, "examples"}


def test_importing_weft_needs_no_extra() -> None:
    heavy = ["hls4ml", "pynq", "torch", "pyopencl", "qonnx", "sklearn", "ray"]
    code = (
        "import sys, weft, weft.boards, weft.hls, weft.sim, weft.host;"
        f"print([name for name in {heavy} if name in sys.modules])"
    )
    done = run(sys.executable, "-c", code)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == "[]"


def test_wheel_holds_the_rooms_and_their_data(tracked: list[Path], wheel: Path) -> None:
    inside = set(zipfile.ZipFile(wheel).namelist())
    wanted = {f"weft/{name}" for name in tracked if name.parts[0] in ROOMS and name.suffix in {*DATA, ".py"}}
    assert wanted - inside == set()
    assert {Path(name).suffix for name in inside} >= {".toml", ".py"}
    assert "weft/py.typed" in inside
    assert {name.split("/")[0] for name in inside if not name.startswith("weft-")} == {"weft"}
    assert any(name.endswith("licenses/LICENSE") for name in inside)


def test_installed_wheel_finds_its_boards(wheel: Path, tmp_path: Path) -> None:
    zipfile.ZipFile(wheel).extractall(tmp_path)
    code = "import weft, weft.boards; print(weft.__file__); print(weft.boards.load_board('pynq-z2').part)"
    done = run(sys.executable, "-c", code, PYTHONPATH=str(tmp_path))
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == [str(tmp_path / "weft" / "__init__.py"), "xc7z020clg400-1"]


def test_import_order_is_stated_and_checked() -> None:
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text())
    contract = settings["tool"]["importlinter"]["contracts"][0]
    assert contract["layers"] == [f"weft.{room}" for room in ROOMS]


def test_pyright_looks_into_every_room() -> None:
    """It follows no link below a folder it includes, and finding no file at all is a success to it."""
    included = json.loads((ROOT / ".src" / "pyrightconfig.json").read_text())["include"]
    assert {"weft", *(f"weft/{room}" for room in ROOMS), "../tests"} <= set(included)


@pytest.fixture
def make() -> Path:
    """Where make is."""
    found = shutil.which("make")
    if found is None:
        pytest.skip("make is not installed")
    return Path(found)


def test_check_runs_every_judge(make: Path) -> None:
    recipe = run(make, "--dry-run", "check").stdout
    for judge in ("ruff check", "ruff format --check", "mypy", "pyright", "lint-imports", "pre-commit validate-config"):
        assert judge in recipe


@pytest.fixture
def bare(tmp_path: Path) -> Path:
    """A PATH with a shell, a C compiler and Python, and nothing else."""
    path = tmp_path / "bin"
    path.mkdir()
    for tool in ("sh", "env", "gcc"):
        (path / tool).symlink_to(shutil.which(tool) or "/bin/true")
    (path / "python3").symlink_to(sys.executable)
    return path


@pytest.mark.parametrize("target", ["demo", "test", "check", "bench"])
def test_missing_compiler_is_one_sentence(make: Path, bare: Path, tmp_path: Path, target: str) -> None:
    done = run(make, "--silent", target, f"VENV={tmp_path}/venv", PATH=str(bare))
    assert done.returncode != 0
    said = [line for line in done.stderr.splitlines() if line.startswith("weft: ")]
    assert said == ["weft: g++ is not on PATH, and firmware is compiled with it: sudo apt-get install build-essential"]
    assert not (tmp_path / "venv").exists()


@pytest.mark.parametrize(
    ("lacking", "said"),
    [("version_info < (3, 11)", "name another with make PYTHON="), ("ensurepip", "apt-get install python3-venv")],
)
def test_unfit_python_is_one_sentence(tmp_path: Path, lacking: str, said: str) -> None:
    """An interpreter that fails only the one question with `lacking` in it."""
    if shutil.which("g++") is None:
        pytest.skip("g++ is not installed")
    python = tmp_path / "python"
    python.write_text(f'#!/bin/sh\ncase "$*" in *"{lacking}"*) exit 1 ;; esac\necho Python 3.9.2\n')
    python.chmod(0o755)
    done = run(ROOT / ".ci" / "tools", python)
    assert done.returncode == 3
    assert len(done.stderr.splitlines()) == 1
    assert said in done.stderr
    assert run(ROOT / ".ci" / "tools", sys.executable).returncode == 0
