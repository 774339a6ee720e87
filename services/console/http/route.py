"""`Route`: an operation of the operators' API as data, and `get`, `post`, `patch` and `delete`, which make routes."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any

from pydantic import BaseModel

from services.console.domain.access import CHANGE, PERSON_FILTERS, Access, Unrecorded
from services.console.domain.documents import Document, Stream
from services.console.domain.principals import Role
from services.console.handlers.calls import Answer, Call

Operation = Callable[[Call[Any, Any]], Awaitable[Answer | Document | Stream]]
Model = type[BaseModel]


@dataclass(frozen=True, slots=True)
class Route:
    """One operation: its handler, its input, its successful answers by status, and the role that it needs."""

    method: str
    path: str
    name: str
    summary: str
    operation: Operation
    answers: Mapping[HTTPStatus, Model]
    role: Role
    query: Model | None = field(default=None, kw_only=True)
    body: Model | None = field(default=None, kw_only=True)
    conflicts: bool = field(default=False, kw_only=True)
    """True when the current state may refuse the call (409)."""
    limited: bool = field(default=False, kw_only=True)
    """True when it is refused above a number of calls a minute (429)."""
    takes_file: bool = field(default=False, kw_only=True)
    """True when it takes a multipart form with a file in place of JSON."""
    takes_rows: bool = field(default=False, kw_only=True)
    """True when it takes a file of rows, CSV or NDJSON, in place of JSON."""
    media_types: tuple[str, ...] = field(default=(), kw_only=True)
    """Media types besides JSON in which it can answer."""
    access: Access = field(kw_only=True)
    """How the call's access to data is recorded."""
    requests: Model | None = field(default=None, kw_only=True)
    """The answer (202) when the call needs a second person's approval; None: it never does."""

    @property
    def looks_up_persons(self) -> bool:
        """True when it reads data by a person's phone or user id; such calls are limited for each token."""
        counted = not isinstance(self.access, Unrecorded) and getattr(self.access, "counts_lookups", True)
        fields = {name for model in (self.query, self.body) if model for name in model.model_fields}
        return counted and bool(fields & PERSON_FILTERS)


def get(
    path: str,
    name: str,
    summary: str,
    operation: Operation,
    answer: Model,
    *,
    access: Access,
    query: Model | None = None,
    role: Role = Role.AUDITOR,
    conflicts: bool = False,
    media_types: tuple[str, ...] = (),
) -> Route:
    """A read; unless `role` says otherwise, every role may call it."""
    answers = {HTTPStatus.OK: answer}
    return Route(
        "GET",
        path,
        name,
        summary,
        operation,
        answers,
        role,
        query=query,
        conflicts=conflicts,
        media_types=media_types,
        access=access,
    )


def post(
    path: str,
    name: str,
    summary: str,
    operation: Operation,
    answer: Model,
    *,
    body: Model | None = None,
    role: Role = Role.OPERATOR,
    statuses: tuple[HTTPStatus, ...] = (HTTPStatus.OK,),
    conflicts: bool = False,
    limited: bool = False,
    access: Access = CHANGE,
    requests: Model | None = None,
) -> Route:
    """A creation or an action, which answers with one of the `statuses`."""
    return Route(
        "POST",
        path,
        name,
        summary,
        operation,
        dict.fromkeys(statuses, answer),
        role,
        body=body,
        conflicts=conflicts,
        limited=limited,
        access=access,
        requests=requests,
    )


def patch(
    path: str,
    name: str,
    summary: str,
    operation: Operation,
    answer: Model,
    *,
    body: Model,
    role: Role = Role.OPERATOR,
    requests: Model | None = None,
) -> Route:
    """An edit; a conflict when other edits overtake it."""
    return Route(
        "PATCH",
        path,
        name,
        summary,
        operation,
        {HTTPStatus.OK: answer},
        role,
        body=body,
        conflicts=True,
        access=CHANGE,
        requests=requests,
    )


def delete(
    path: str,
    name: str,
    summary: str,
    operation: Operation,
    answer: Model,
    *,
    query: Model | None = None,
    role: Role = Role.OPERATOR,
    requests: Model | None = None,
) -> Route:
    """A removal; the answer shows the resource as it is afterwards."""
    answers = {HTTPStatus.OK: answer}
    return Route("DELETE", path, name, summary, operation, answers, role, query=query, access=CHANGE, requests=requests)
