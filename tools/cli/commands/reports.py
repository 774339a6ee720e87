"""`gateway reports`: what a compliance officer files."""

import json
import sys
from pathlib import Path
from typing import Annotated, Literal

from cyclopts import App, Parameter

from tools.cli.commands.session import Given
from tools.cli.console import Exit, Failed

app = App(name="reports", help="Compliance reports; that one was read is on record.")
PATIENCE = 120.0
"""Seconds; the console gives up earlier."""


@app.command
def compliance(
    account_id: str,
    *,
    since: Annotated[str, Parameter(name="--from", help="From this day of the account's (2026-11-01) or time on.")],
    until: Annotated[str, Parameter(name="--to", help="Before this day or time.")],
    form: Annotated[Literal["json", "csv", "html", "pdf"], Parameter(name="--format")] = "json",
    output: Annotated[Path | None, Parameter(help="Where to write it; standard output otherwise.")] = None,
    session: Given,
) -> None:
    """Make the compliance report of an account and a period."""
    query = {"account_id": account_id, "from": since, "to": until, "format": form}
    content = session.console.download("/reports/compliance", seconds=PATIENCE, **query)
    if form == "json":
        content = json.dumps(json.loads(content), indent=2, ensure_ascii=False).encode() + b"\n"
    if output is None:
        sys.stdout.buffer.write(content)
        sys.stdout.buffer.flush()
        return
    try:
        output.write_bytes(content)
    except OSError as error:
        raise Failed(f"{output} cannot be written: {error.strerror}", Exit.USAGE) from None
    session.show.out.print(f"{output}: {len(content):,} bytes")
