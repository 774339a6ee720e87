"""`gateway erase` and `gateway subject-export`: what the law lets one person ask for."""

from typing import Annotated, Any

from cyclopts import Parameter

from tools.cli.commands.session import Given, secret_from
from tools.cli.showing import Show

Phone = Annotated[
    str | None, Parameter(help="Asked for unless given; `-` reads it from standard input, out of the history.")
]
Reason = Annotated[str, Parameter(help="For the record, where it stays: it must not name the person.")]


def erase(account_id: str, *, reason: Reason, phone: Phone = None, session: Given) -> None:
    """Erase one customer of an account: their records lead to nobody any more, everything else of them goes."""
    session.show.item(session.console.post("/erasures", _asked(account_id, reason, phone)))


def subject_export(account_id: str, *, reason: Reason, phone: Phone = None, session: Given) -> None:
    """Print all that is held of one customer, as JSON."""
    Show(as_json=True).item(session.console.post("/subject-exports", _asked(account_id, reason, phone)))


def _asked(account_id: str, reason: str, phone: str | None) -> dict[str, Any]:
    return {"account_id": account_id, "reason": reason, "phone": secret_from(phone, "Phone")}
