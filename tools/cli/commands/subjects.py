"""`gateway erase` and `gateway subject-export`: a data subject's rights of erasure and access."""

from typing import Annotated, Any

from cyclopts import Parameter

from tools.cli.commands.session import CurrentSession, Phone, UserId, required_customer
from tools.cli.output import Output

Reason = Annotated[str, Parameter(help="It is recorded and stays there: do not name the person.")]


def erase(
    account_id: str, *, reason: Reason, phone: Phone = None, user_id: UserId = None, session: CurrentSession
) -> None:
    """Erase one customer of an account: records become anonymous, all other data about the customer is deleted.

    Without `--phone` and `--user-id` you are asked for the phone.
    """
    session.output.item(session.console.post("/erasures", _request(account_id, reason, phone, user_id)))


def subject_export(
    account_id: str, *, reason: Reason, phone: Phone = None, user_id: UserId = None, session: CurrentSession
) -> None:
    """Print all data held about one customer, as JSON.

    Without `--phone` and `--user-id` you are asked for the phone.
    """
    Output(as_json=True).item(session.console.post("/subject-exports", _request(account_id, reason, phone, user_id)))


def _request(account_id: str, reason: str, phone: str | None, user_id: str | None) -> dict[str, Any]:
    return {"account_id": account_id, "reason": reason, **required_customer(phone, user_id)}
