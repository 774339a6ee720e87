"""`gateway reports`: compliance reports."""

import json
import sys
from pathlib import Path
from typing import Annotated, Literal

from cyclopts import App, Parameter

from tools.cli.commands.session import CurrentSession
from tools.cli.console_client import CommandFailed, ExitCode

app = App(name="reports", help="Compliance reports. Reading one is recorded.")
TIMEOUT_SECONDS = 120.0
"""Longer than the console's own limit."""


@app.command
def compliance(
    account_id: str,
    *,
    since: Annotated[str, Parameter(name="--from", help="From this day (2026-11-01, account's time zone) or time on.")],
    until: Annotated[str, Parameter(name="--to", help="Before this day or time.")],
    form: Annotated[Literal["json", "csv", "html", "pdf"], Parameter(name="--format")] = "json",
    output: Annotated[Path | None, Parameter(help="File to write to; standard output by default.")] = None,
    session: CurrentSession,
) -> None:
    """Build the compliance report of an account and a period."""
    query = {"account_id": account_id, "from": since, "to": until, "format": form}
    content = session.console.download("/reports/compliance", seconds=TIMEOUT_SECONDS, **query)
    if form == "json":
        content = json.dumps(json.loads(content), indent=2, ensure_ascii=False).encode() + b"\n"
    if output is None:
        sys.stdout.buffer.write(content)
        sys.stdout.buffer.flush()
        return
    try:
        output.write_bytes(content)
    except OSError as error:
        raise CommandFailed(f"{output} cannot be written: {error.strerror}", ExitCode.USAGE) from None
    session.output.out.print(f"{output}: {len(content):,} bytes")
