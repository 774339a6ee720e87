"""`gateway suppressions`: list, add and lift suppressions of customers."""

from typing import Annotated, Literal

from cyclopts import App, Parameter

from tools.cli.commands.session import CurrentSession, Paging, secret_from
from tools.cli.console_client import path_of

app = App(name="suppressions", help="Customers that must not be messaged.")
COLUMNS = ("id", "account_id", "masked_phone", "kind", "source", "reason", "actor", "since")
Phone = Annotated[str | None, Parameter(help="`-` reads it from standard input, which keeps it out of the history.")]


@app.command(name="list")
def list_(
    paging: Paging | None = None, *, account_id: str | None = None, phone: Phone = None, session: CurrentSession
) -> None:
    """List suppressions: all, one account's, or one customer's (`--phone` with `--account-id`)."""
    phone = None if phone is None else secret_from(phone, "Phone")
    session.list("/suppressions", COLUMNS, paging, account_id=account_id, phone=phone)


@app.command
def add(
    account_id: str,
    *,
    reason: str,
    phone: Phone = None,
    kind: Literal["blocked", "opt_out", "marketing"] = "blocked",
    session: CurrentSession,
) -> None:
    """Suppress a customer. Without `--phone` you are asked for the phone."""
    body = {"account_id": account_id, "phone": secret_from(phone, "Phone"), "reason": reason, "kind": kind}
    session.output.item(session.console.post("/suppressions", body))


@app.command
def lift(suppression_id: str, *, reason: str | None = None, session: CurrentSession) -> None:
    """Lift a suppression: the customer can be messaged again."""
    session.output.item(session.console.delete(path_of("suppressions", suppression_id), reason=reason))
