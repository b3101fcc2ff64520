"""What the README says is run: its Python as it stands, and the commands it names."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("**/*.md"))]


def blocks(page: Path, *languages: str) -> list[str]:
    """The fenced blocks of a page in these languages."""
    fenced = re.findall(r"^```(\w+)\n(.*?)^```$", page.read_text(), re.MULTILINE | re.DOTALL)
    return [text for language, text in fenced if language in languages]


EXAMPLES = [
    pytest.param(text, id=f"{page.stem}-{n}") for page in PAGES for n, text in enumerate(blocks(page, "python"))
]


def test_readme_has_a_first_example() -> None:
    first = blocks(ROOT / "README.md", "python")[0]
    assert len(first.strip().splitlines()) <= 20


@pytest.mark.parametrize("code", EXAMPLES)
def test_example_runs_as_printed(code: str, tmp_path: Path) -> None:
    """In a folder that has only the repository's `examples`, so that what it writes stays there."""
    for extra in ("hls4ml", "pynq", "sklearn"):
        pytest.importorskip(extra)
    (tmp_path / "examples").symlink_to(ROOT / "examples")
    done = subprocess.run(
        [sys.executable, "-W", "error::DeprecationWarning:__main__", "-c", code],
        cwd=tmp_path,
        env=dict(os.environ),
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr


def test_make_targets_exist() -> None:
    rules = set(re.findall(r"^([a-z][\w-]*):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    named = {word for page in PAGES for word in re.findall(r"\bmake ([a-z][\w-]*)\b", _commands(page))}
    assert {"demo", "test"} <= named
    assert named <= rules


def test_weft_commands_exist() -> None:
    """`weft` and a command, in every shell block: each must be one that the program's own help lists."""
    named = {word for page in PAGES for word in re.findall(r"^(?:\$ )?weft ([a-z]+)", _commands(page), re.MULTILINE)}
    assert named
    for command in sorted(named):
        done = subprocess.run(
            [sys.executable, "-c", "from weft.host.cli import main; main()", command, "--help"],
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr


def test_named_paths_exist() -> None:
    """Paths in a page's tables and text, where they name a file or folder outright."""
    for page in PAGES:
        for name in re.findall(r"`((?:boards|hls|sim|host|examples|tests|docs)/[\w./-]+)`", page.read_text()):
            assert (ROOT / name).exists(), f"{page.name} names {name}"


def _commands(page: Path) -> str:
    return "\n".join(blocks(page, "sh", "console"))
