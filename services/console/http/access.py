"""`AccessControl` limits look-ups of persons, and records what each call reads, as its route declares."""

from dataclasses import dataclass
from hashlib import sha256
from http import HTTPStatus
from typing import Any, Final

from pydantic import BaseModel

from libs.contracts.errors import GatewayError, OperatorCode
from libs.contracts.events import DataRead
from services.console.domain.access import PERSON_FILTERS, Recorded, Unrecorded, account_read, filters_of
from services.console.domain.documents import Stream
from services.console.domain.principals import Principal
from services.console.handlers.access_log import AccessLog
from services.console.handlers.calls import Answer, Call
from services.console.handlers.person_lookups import PersonLookups
from services.console.http.route import Route

REFUSALS: Final = frozenset({OperatorCode.FORBIDDEN, OperatorCode.TOO_MANY_REQUESTS, OperatorCode.CUSTOMER_ERASED})
"""The codes of a refused attempt, whatever was called."""
HIDDEN: Final = frozenset({OperatorCode.NOT_FOUND, OperatorCode.INVALID_REQUEST})
"""The codes that may hide one: of an account that the token does not cover, nobody is told whether it exists."""


@dataclass(slots=True)
class Filters:
    """What a call asks for, as far as it could be read."""

    names: tuple[str, ...] = ()
    account_id: str | None = None

    def set(self, query: BaseModel | None, body: BaseModel | None) -> None:
        """Take the names of filters, and the account."""
        self.names = filters_of(query, body)
        self.account_id = getattr(query, "account_id", None) or getattr(body, "account_id", None)


@dataclass(frozen=True, slots=True)
class AccessControl:
    """Called for each call with a valid token."""

    log: AccessLog
    lookups: PersonLookups

    async def admit(self, call: Call[Any, Any], route: Route, filters: Filters) -> None:
        """Raise GatewayError: too_many_requests for a look-up too many, gateway_unavailable if nothing is recorded."""
        if isinstance(route.access, Recorded):
            self.log.require_room()
        if route.looks_up_persons and PERSON_FILTERS & set(filters.names):
            await self.lookups.admit(call.principal)

    async def answered(self, call: Call[Any, Any], route: Route, answer: Answer | Stream, filters: Filters) -> None:
        """Record what a call reads: of a stream before its first line, when nobody knows how many there will be."""
        body, status = (answer.body, answer.status) if isinstance(answer, Answer) else (None, HTTPStatus.OK)
        if not isinstance(route.access, Recorded) or status not in route.access.statuses:
            return
        items = getattr(body, "items", None)
        read = DataRead(
            account_id=account_read(body, call.principal, filters.account_id),
            actor=call.principal.actor,
            operation=route.name,
            filters=filters.names,
            resource=next(iter(call.ids.values()), None),
            items=None if items is None else len(items),
        )
        await self.log.read(read, same=_identity(call, route, answer, read))

    async def refused(self, principal: Principal, route: Route, refusal: GatewayError, filters: Filters) -> None:
        """Record a refused attempt."""
        asked = filters.account_id
        foreign = asked is not None and not principal.can_see(asked)
        guessed = refusal.code is OperatorCode.NOT_FOUND and not isinstance(route.access, Unrecorded)
        if refusal.code in REFUSALS or guessed or (foreign and refusal.code in HIDDEN):
            await self.log.refused(principal, refusal.code, route.name, filters.names)


def _identity(call: Call[Any, Any], route: Route, answer: Answer | Stream, read: DataRead) -> bytes | None:
    """Equal for repetitions of a read. None for what counts each time: a look-up of a person, and a whole file."""
    if route.method != "GET" or isinstance(answer, Stream) or PERSON_FILTERS & set(read.filters):
        return None
    asked = b"" if call.query is None else call.query.model_dump_json().encode()
    token = (call.principal.token_id or "").encode()
    about = read.model_dump_json(exclude={"items"}).encode()
    return sha256(b"\0".join((token, about, asked))).digest()
