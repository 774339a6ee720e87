"""`gateway restrictions`: list and lift what WhatsApp forbids."""

from typing import Literal

from cyclopts import App

from tools.cli.commands.session import CurrentSession, Paging
from tools.cli.console_client import path_of

app = App(name="restrictions", help="What WhatsApp forbids: numbers, business accounts, templates, customers.")
COLUMNS = ("id", "account_id", "scope", "key", "number_id", "kind", "forbids", "cause", "since", "until")
Scope = Literal["number", "waba", "template", "pair", "customer", "country"]


@app.command(name="list")
def list_(
    paging: Paging | None = None,
    *,
    account_id: str | None = None,
    scope: Scope | None = None,
    session: CurrentSession,
) -> None:
    """List the restrictions that stand: all, one account's, or those of one scope."""
    session.list("/restrictions", COLUMNS, paging, account_id=account_id, scope=scope)


@app.command
def lift(restriction_id: str, *, reason: str, session: CurrentSession) -> None:
    """Lift a restriction: messages are sent again, and WhatsApp may restrict again."""
    session.output.item(session.console.delete(path_of("restrictions", restriction_id), reason=reason))
