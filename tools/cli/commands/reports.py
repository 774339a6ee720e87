"""`gateway reports`: compliance reports."""

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Literal

from cyclopts import App, Parameter

from libs.record.keys import PublicKeys
from libs.record.pdf_signatures import pdf_problem
from libs.record.reports import report_problem, text_problem
from tools.cli.commands.audit import TrustedKeys, keys_from, keys_of
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


@app.command
def verify(file: Path, *, keys: TrustedKeys = None, session: CurrentSession) -> None:
    """Verify the signature of a report: its JSON, CSV, HTML or PDF file, unchanged since the gateway made it.

    Without `--keys`, the console's public keys are used; with them, no console is needed. A failed check exits with 1.
    """
    try:
        content = file.read_bytes()
    except OSError as error:
        raise CommandFailed(f"{file} cannot be read: {error.strerror}", ExitCode.USAGE) from None
    trusted = keys_from(keys) if keys is not None else keys_of(session.console.get("/audit/keys"))
    problem = _check_for(content)(content, trusted)
    result = {"file": str(file), "ok": problem is None, "problem": problem}
    if problem is not None:
        raise CommandFailed(f"The report is not genuine: {problem}", ExitCode.REFUSED, result)
    session.output.item(result)


def _check_for(content: bytes) -> Callable[[bytes, PublicKeys], str | None]:
    """The check for a file, by its content: a name may be anything."""
    if content.startswith(b"%PDF-"):
        return pdf_problem
    return _json_problem if content.lstrip().startswith(b"{") else text_problem


def _json_problem(content: bytes, keys: PublicKeys) -> str | None:
    try:
        report = json.loads(content)
    except ValueError:
        return "it cannot be read as JSON"
    return report_problem(report, keys)
