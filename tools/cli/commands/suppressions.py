"""`gateway suppressions`: who is not messaged."""

from typing import Annotated, Literal

from cyclopts import App, Parameter

from tools.cli.commands.session import Given, Paging, secret_from
from tools.cli.console import path_of

app = App(name="suppressions", help="Who is not messaged.")
COLUMNS = ("id", "account_id", "masked_phone", "kind", "source", "reason", "actor", "since")
Phone = Annotated[str | None, Parameter(help="`-` reads it from standard input, which keeps it out of the history.")]


@app.command(name="list")
def list_(paging: Paging | None = None, *, account_id: str | None = None, phone: Phone = None, session: Given) -> None:
    """List who is suppressed: in one account or in all, or one customer (`--phone`, needs `--account-id`)."""
    paging = paging or Paging()
    pages = session.console.pages(
        "/suppressions",
        every=paging.all,
        limit=paging.limit,
        cursor=paging.cursor,
        account_id=account_id,
        phone=None if phone is None else secret_from(phone, "Phone"),
    )
    session.show.pages(pages, COLUMNS)


@app.command
def add(
    account_id: str,
    *,
    reason: str,
    phone: Phone = None,
    kind: Literal["blocked", "opt_out", "marketing"] = "blocked",
    session: Given,
) -> None:
    """Suppress a customer; the phone is asked for unless it is given."""
    body = {"account_id": account_id, "phone": secret_from(phone, "Phone"), "reason": reason, "kind": kind}
    session.show.item(session.console.post("/suppressions", body))


@app.command
def lift(suppression_id: str, *, reason: str | None = None, session: Given) -> None:
    """Let a customer be messaged again."""
    session.show.item(session.console.delete(path_of("suppressions", suppression_id), reason=reason))
