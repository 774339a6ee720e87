"""What a handler is given and what it gives back; nothing here knows HTTP's wire."""

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
    """One call: who asks, the ids in the path, the parameters and the body, both validated."""

    principal: Principal
    ids: Mapping[str, str]
    query: Q
    body: B = field(repr=False)


@dataclass(frozen=True, slots=True)
class Answer:
    """What the caller is shown."""

    body: BaseModel = field(repr=False)
    status: HTTPStatus = HTTPStatus.OK


def created(body: BaseModel) -> Answer:
    """The answer to a call that made something."""
    return Answer(body, HTTPStatus.CREATED)
