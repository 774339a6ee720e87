"""`Call` and `Answer`: the input and output of every handler, independent of HTTP."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Generic, TypeVar

from pydantic import BaseModel

from services.console.domain.principals import Principal

Q = TypeVar("Q", bound=BaseModel | None)
B = TypeVar("B", bound=BaseModel | None)


@dataclass(frozen=True, slots=True)
class Call(Generic[Q, B]):
    """One call: its principal, the ids in its path, its query parameters and its body, both validated."""

    principal: Principal
    ids: Mapping[str, str]
    query: Q
    body: B = field(repr=False)


@dataclass(frozen=True, slots=True)
class Answer:
    """The response to a call."""

    body: BaseModel = field(repr=False)
    status: HTTPStatus = HTTPStatus.OK


def created(body: BaseModel) -> Answer:
    """The response to a call that created a resource: status 201."""
    return Answer(body, HTTPStatus.CREATED)
