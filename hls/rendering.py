"""Texts for AMD's tools, written out from templates: C++, Tcl, link settings."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined

TEMPLATES = Path(__file__).parent / "templates"


def render(template: str, **values: Any) -> str:
    """A template of hls/templates with `values`: C++ and Tcl, from names that were checked."""
    return templates(TEMPLATES, markup=False).get_template(template).render(**values)


def templates(folder: Path, *, markup: bool) -> Environment:
    """Templates of a folder; a name that one wants and does not get is an error. `markup` escapes values for XML."""
    return Environment(
        loader=FileSystemLoader(folder),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        autoescape=markup,
    )
