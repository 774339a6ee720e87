"""How a call's access to data is recorded: each route of the API declares it, and what `data.read` says of the call.

The rule: whoever reads personal data or the record leaves a record, which holds the names of filters, never a value.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from http import HTTPStatus
from typing import Final

from pydantic import BaseModel

from libs.contracts.events import Event
from services.console.domain.principals import Principal

PERSON_FILTERS: Final = frozenset({"phone", "user_id"})
"""The fields that name one person."""
_PAGE_SIZE: Final = "limit"


@dataclass(frozen=True, slots=True)
class Recorded:
    """Each call reads personal data or the record: a `data.read`, when it is answered with one of the statuses."""

    statuses: frozenset[HTTPStatus] = frozenset({HTTPStatus.OK})
    counts_lookups: bool = True
    """Whether a call that names a person is a look-up, of which a token has only so many."""


@dataclass(frozen=True, slots=True)
class RecordedBy:
    """Each call leaves an event of its own, which says more than a `data.read`."""

    event: type[Event]


@dataclass(frozen=True, slots=True)
class Unrecorded:
    """No access record, because of `reason`."""

    reason: str


Access = Recorded | RecordedBy | Unrecorded
CHANGE: Final = Unrecorded("what it changes is an event of its own, with the actor")
CONFIGURATION: Final = Unrecorded("configuration of accounts: no personal data of customers, and nothing of the record")


def filters_of(query: BaseModel | None, body: BaseModel | None) -> tuple[str, ...]:
    """The names of the query's filters, and of the body's fields that name a person."""
    asked = () if query is None else (name.rstrip("_") for name in _given(query) if name != _PAGE_SIZE)
    named = () if body is None else (name for name in _given(body) if name in PERSON_FILTERS)
    return tuple(sorted({*asked, *named}))


def account_read(body: BaseModel | None, principal: Principal, asked: str | None) -> str | None:
    """The account whose data an answer shows; None when that is not one account alone."""
    items = getattr(body, "items", None)
    shown = {getattr(each, "account_id", None) for each in ((body,) if items is None else items)} - {None}
    if len(shown) == 1:
        return str(next(iter(shown)))
    return asked or only_account(principal)


def only_account(principal: Principal) -> str | None:
    """The account of a token that covers one alone."""
    accounts = principal.accounts
    return next(iter(accounts)) if accounts is not None and len(accounts) == 1 else None


def _given(model: BaseModel) -> Iterable[str]:
    return (name for name in model.model_fields_set if getattr(model, name) is not None)
