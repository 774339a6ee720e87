"""`gateway consents`: opt-in evidence of customers."""

from typing import Annotated, Literal

from cyclopts import App, Parameter

from tools.cli.commands.imports import AfterRow, DryRun, File, run_import
from tools.cli.commands.session import CurrentSession, Phone, UserId, customer_from, required_customer

app = App(name="consents", help="The evidence that customers agreed to be messaged.")
COLUMNS = ("id", "masked_phone", "scope", "source", "wording_version", "at", "withdrawn", "origin", "actor")
Scope = Literal["all", "support", "operational", "transactional", "internal_team", "authentication", "marketing"]


@app.command(name="list")
def list_(account_id: str, *, phone: Phone = None, user_id: UserId = None, session: CurrentSession) -> None:
    """List a customer's consents, the latest first. Without `--phone` and `--user-id` you are asked for the phone."""
    customer = customer_from(phone, user_id) or required_customer(phone, user_id)
    session.output.pages([session.console.get("/consents", account_id=account_id, **customer)], COLUMNS)


@app.command
def add(
    account_id: str,
    *,
    at: Annotated[str, Parameter(help="When the customer agreed, such as 2026-11-28T09:30:00+03:00.")],
    phone: Phone = None,
    user_id: UserId = None,
    scope: Scope = "all",
    wording_version: Annotated[str | None, Parameter(help="Which wording the customer agreed to.")] = None,
    origin: Annotated[str | None, Parameter(help="Where: a form, a till, a list.")] = None,
    evidence_sha256: Annotated[str | None, Parameter(help="The SHA-256 of the evidence, which you keep.")] = None,
    session: CurrentSession,
) -> None:
    """Record a customer's opt-in. Without `--phone` and `--user-id` you are asked for the phone."""
    told = {"wording_version": wording_version, "origin": origin, "evidence_sha256": evidence_sha256}
    body = {"account_id": account_id, "at": at, "scope": scope, **required_customer(phone, user_id)}
    given = {name: value for name, value in told.items() if value is not None}
    session.output.item(session.console.post("/consents", body | given))


@app.command
def withdraw(
    account_id: str,
    *,
    reason: str,
    phone: Phone = None,
    user_id: UserId = None,
    scope: Scope = "all",
    session: CurrentSession,
) -> None:
    """Record that a customer took consents back. Without `--phone` and `--user-id` you are asked for the phone."""
    body = {"account_id": account_id, "reason": reason, "scope": scope, **required_customer(phone, user_id)}
    session.output.item(session.console.post("/consents/withdrawals", body))


@app.command(name="import")
def import_(
    file: File, *, account_id: str, dry_run: DryRun = False, after_row: AfterRow = 0, session: CurrentSession
) -> None:
    """Record the opt-ins in a file: phone or user_id, scope, at, source, wording_version, evidence."""
    run_import(session, "/consents/imports", file, account_id, dry_run=dry_run, after_row=after_row)
