"""`gateway erase` and `gateway subject-export`: a data subject's rights of erasure and access."""

from typing import Annotated, Any

from cyclopts import Parameter

from tools.cli.commands.session import CurrentSession, secret_from
from tools.cli.output import Output

Phone = Annotated[
    str | None, Parameter(help="Without it you are asked; `-` reads it from standard input, out of the history.")
]
Reason = Annotated[str, Parameter(help="It is recorded and stays there: do not name the person.")]


def erase(account_id: str, *, reason: Reason, phone: Phone = None, session: CurrentSession) -> None:
    """Erase one customer of an account: records become anonymous, all other data about the customer is deleted."""
    session.output.item(session.console.post("/erasures", _request(account_id, reason, phone)))


def subject_export(account_id: str, *, reason: Reason, phone: Phone = None, session: CurrentSession) -> None:
    """Print all data held about one customer, as JSON."""
    Output(as_json=True).item(session.console.post("/subject-exports", _request(account_id, reason, phone)))


def _request(account_id: str, reason: str, phone: str | None) -> dict[str, Any]:
    return {"account_id": account_id, "reason": reason, "phone": secret_from(phone, "Phone")}
