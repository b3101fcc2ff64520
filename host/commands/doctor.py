"""`weft doctor`."""

from __future__ import annotations

from weft.host.commands.options import Json, print_json, show


def command(json: Json = False) -> None:
    """Say what is installed, and what each missing thing would enable."""
    from rich.table import Table

    from weft.host.doctor import examine

    found = examine()
    if json:
        print_json({"schema": "weft-doctor/1", "findings": [finding.to_json() for finding in found]})
        return
    table = Table("", "what", "version or advice", "enables")
    for finding in found:
        mark = "[green]yes[/]" if finding.present else "[yellow]no[/]"
        table.add_row(mark, finding.name, finding.version if finding.present else finding.advice, finding.enables)
    show(table)
