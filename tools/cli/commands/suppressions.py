"""`gateway suppressions`: list, add and lift suppressions of customers."""

import json
from pathlib import Path
from typing import Annotated, Literal

from cyclopts import App, Parameter

from tools.cli.commands.imports import AfterRow, DryRun, File, run_import
from tools.cli.commands.session import CurrentSession, Paging, Phone, UserId, customer_from, required_customer
from tools.cli.console_client import CommandFailed, ExitCode, path_of

app = App(name="suppressions", help="Customers that must not be messaged.")
COLUMNS = ("id", "account_id", "masked_phone", "kind", "source", "reason", "actor", "since")


@app.command(name="list")
def list_(
    paging: Paging | None = None,
    *,
    account_id: str | None = None,
    phone: Phone = None,
    user_id: UserId = None,
    session: CurrentSession,
) -> None:
    """List suppressions: all, one account's, or one customer's (`--phone` or `--user-id` with `--account-id`)."""
    session.list("/suppressions", COLUMNS, paging, account_id=account_id, **customer_from(phone, user_id))


@app.command
def add(
    account_id: str,
    *,
    reason: str,
    phone: Phone = None,
    user_id: UserId = None,
    kind: Literal["blocked", "opt_out", "marketing"] = "blocked",
    session: CurrentSession,
) -> None:
    """Suppress a customer. Without `--phone` and `--user-id` you are asked for the phone."""
    body = {"account_id": account_id, "reason": reason, "kind": kind, **required_customer(phone, user_id)}
    session.output.item(session.console.post("/suppressions", body))


@app.command(name="import")
def import_(
    file: File, *, account_id: str, dry_run: DryRun = False, after_row: AfterRow = 0, session: CurrentSession
) -> None:
    """Suppress the customers in a file: phone or user_id, scope, since, source, reason, evidence. It lifts nothing."""
    run_import(session, "/suppressions/imports", file, account_id, dry_run=dry_run, after_row=after_row)


@app.command
def export(
    output: Annotated[Path, Parameter(help="The file of JSON lines to write.")],
    *,
    account_id: str | None = None,
    customers: Annotated[
        Literal["masked", "hashed"], Parameter(help="Name customers by masked phone, or by a keyed hash.")
    ] = "masked",
    session: CurrentSession,
) -> None:
    """Write the active suppressions of an account, or of all, to a file. The export is on record."""
    size, rows, line = 0, 0, b"{}"
    try:
        with (
            session.console.lines("/suppressions/export", account_id=account_id, customers=customers) as lines,
            output.open("wb") as copy,
        ):
            for rows, line in enumerate(lines):  # noqa: B007 -- used after the loop
                size += copy.write(line)
    except OSError as error:
        raise CommandFailed(f"{output} cannot be written: {error.strerror}", ExitCode.USAGE) from None
    if not line.endswith(b"\n") or json.loads(line).get("rows") != rows:
        raise CommandFailed(f"The export was interrupted; {output} is incomplete", ExitCode.UNREACHABLE)
    session.output.item({"file": str(output), "rows": rows, "bytes": size})


@app.command
def lift(suppression_id: str, *, reason: str | None = None, session: CurrentSession) -> None:
    """Lift a suppression: the customer can be messaged again.

    A customer's own opt-out needs a `--reason` of a sentence, and waits for a second person (`gateway approvals`).
    """
    session.output.item(session.console.delete(path_of("suppressions", suppression_id), reason=reason))
