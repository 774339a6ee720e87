"""`Call` and `Answer`: the input and output of every handler, independent of HTTP."""

from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Generic, Protocol, TypeVar

from pydantic import BaseModel

from services.console.domain.principals import Principal

Q = TypeVar("Q", bound=BaseModel | None)
B = TypeVar("B", bound=BaseModel | None)


class UploadedFile(Protocol):
    """The file of a multipart request, as it arrives."""

    def pieces(self) -> AsyncIterator[bytes]:
        """Its bytes. Raises GatewayError for a form without a file, or one that does not arrive."""
        ...


class RowsFile(Protocol):
    """The body of a request that is a file of rows, as it arrives."""

    @property
    def media_type(self) -> str:
        """`text/csv` or `application/x-ndjson`. Raises GatewayError(invalid_json) for another one."""
        ...

    def pieces(self) -> AsyncIterator[bytes]:
        """Its bytes. Raises GatewayError for a body that does not arrive."""
        ...


@dataclass(frozen=True, slots=True)
class Call(Generic[Q, B]):
    """One call: its principal, the ids in its path, its query parameters and its body, both validated."""

    principal: Principal
    ids: Mapping[str, str]
    query: Q
    body: B = field(repr=False)
    file: UploadedFile | None = field(default=None, repr=False)
    """Of a route that takes one: the file, which is not read yet."""
    rows: RowsFile | None = field(default=None, repr=False)
    """Of a route that takes rows: the body, which is not read yet."""
    idempotency_key: str | None = None
    """Of a route that may answer with a request for approval: the header `Idempotency-Key`."""


@dataclass(frozen=True, slots=True)
class Answer:
    """The response to a call."""

    body: BaseModel = field(repr=False)
    status: HTTPStatus = HTTPStatus.OK


def created(body: BaseModel) -> Answer:
    """The response to a call that created a resource: status 201."""
    return Answer(body, HTTPStatus.CREATED)
