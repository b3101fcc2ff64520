"""g++ with a cache: C++ sources to a shared library that is compiled once.

An entry of the cache is named by the hash of everything that decides its content (sources, headers, weights, flags,
compiler), is written aside and renamed, and is loaded only if every file still has the hash it was written with.

    <cache>/firmware/<key>/library.so     the folders are 0700, like the whole cache (weft.hls.cache)
    <cache>/firmware/<key>/weights/*.txt  what the library reads when it is first called
    <cache>/firmware/<key>/hashes.json    SHA-256 of the files above
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import tempfile
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cache
from hashlib import sha256
from pathlib import Path

from filelock import FileLock

from weft.boards.errors import ToolError
from weft.hls.cache import cache_folder, evict, private_cache, used

# -O1, -O2 and -O3 differed by less than the noise, in compiling (6 s on 2 cores) and in running (65 us a sample of a
# 64-32-32-10 MLP, 460 us of an 8x8 CNN; g++ 12). c++14 is Vitis HLS's own default.
# -fno-gnu-unique: otherwise static variables of templates are shared between libraries of one process.
FLAGS = ("-std=c++14", "-O2", "-fPIC", "-w", "-fno-gnu-unique")
INCLUDES = ("-I.", "-Iweft_csim", "-Ifirmware/ap_types", "-include", "weft_csim/weft_weights.h")
_HASHED = (".cpp", ".h", ".txt")


__all__ = ["Library", "cache_folder", "compile_library"]


@dataclass(frozen=True)
class Library:
    """A compiled library and the folder of weights it reads, both whole when this was made."""

    path: Path
    weights: Path


def compile_library(folder: Path, units: Sequence[str]) -> Library:
    """The library of `units` (C++ files, relative to `folder`), compiled now or taken from the cache.

    Raises ToolError where g++ is missing or fails.
    """
    key = _key(folder, units)
    store = private_cache("firmware")
    entry = store / key
    with FileLock(store / f"{key}.lock"):
        made = not _is_whole(entry)
        if made:
            _fill(entry, folder, units)
        used(entry)
    if made:
        evict(store)
    return Library(entry / "library.so", entry / "weights")


def _key(folder: Path, units: Sequence[str]) -> str:
    digest = sha256(json.dumps([_compiler(), FLAGS, INCLUDES, list(units)]).encode())
    for path in sorted(path for path in folder.rglob("*") if path.suffix in _HASHED and path.is_file()):
        content = sha256(path.read_bytes()).hexdigest()
        digest.update(f"{path.relative_to(folder).as_posix()}\0{content}\n".encode())
    return digest.hexdigest()


@cache
def _compiler() -> str:
    """Version and target of g++."""
    if shutil.which("g++") is None:
        raise ToolError("g++ is not on PATH, and firmware is compiled with it: sudo apt-get install g++")
    command = ["g++", "-dumpfullversion", "-dumpmachine"]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=60).stdout


def _is_whole(entry: Path) -> bool:
    """Whether every file of a cache entry is there with the hash it was written with."""
    try:
        hashes = json.loads((entry / "hashes.json").read_text("utf-8"))
        return bool(hashes == _hashes(entry)) and "library.so" in hashes
    except (OSError, ValueError):
        return False


def _hashes(entry: Path) -> dict[str, str]:
    files = sorted(path for path in entry.rglob("*") if path.is_file() and path.name != "hashes.json")
    return {path.relative_to(entry).as_posix(): sha256(path.read_bytes()).hexdigest() for path in files}


def _fill(entry: Path, folder: Path, units: Sequence[str]) -> None:
    work = Path(tempfile.mkdtemp(prefix=f".{entry.name[:12]}.", dir=entry.parent))
    try:
        part = work / "new"
        (part / "weights").mkdir(parents=True)
        for path in sorted((folder / "firmware" / "weights").glob("*.txt")):
            shutil.copyfile(path, part / "weights" / path.name)
        _compile(folder, units, work, part / "library.so", entry.with_suffix(".log"))
        (part / "hashes.json").write_text(json.dumps(_hashes(part), indent=1), encoding="utf-8")
        if entry.exists():
            entry.rename(work / "damaged")
        part.rename(entry)
    finally:
        shutil.rmtree(work, ignore_errors=True)


def _compile(folder: Path, units: Sequence[str], work: Path, library: Path, log: Path) -> None:
    objects = [str(work / f"unit{index}.o") for index in range(len(units))]
    commands = [
        ["g++", *FLAGS, *INCLUDES, "-c", unit, "-o", target] for unit, target in zip(units, objects, strict=True)
    ]
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        results = list(pool.map(lambda command: _run(command, folder), commands))
    if all(code == 0 for code, _ in results):
        results.append(_run(["g++", *FLAGS, "-shared", "-Wl,-Bsymbolic", *objects, "-o", str(library)], folder))
    if any(code for code, _ in results):
        log.write_text("\n".join(text for _, text in results), encoding="utf-8")
        raise ToolError(f"g++ failed on the firmware in {str(folder)!r}: {_first_error(results)} (whole log: {log})")
    log.unlink(missing_ok=True)


def _run(command: list[str], folder: Path) -> tuple[int, str]:
    """Exit code, and the command with all it printed."""
    done = subprocess.run(
        command, cwd=folder, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False
    )
    return done.returncode, f"$ {' '.join(command)}\n{done.stdout.decode(errors='replace')}"


def _first_error(results: Sequence[tuple[int, str]]) -> str:
    lines = [line for code, text in results if code for line in text.splitlines()[1:]]
    wanted = [line for line in lines if "error" in line or "undefined reference" in line or "not found" in line]
    codes = [code for code, _ in results if code]
    return (wanted or lines or [f"exit code {codes[0]}, which is often a lack of memory"])[0].strip()[:300]
