"""Pages of lists: their query parameters, their response model, and the base classes of both."""

from collections.abc import Callable, Sequence
from typing import Annotated, Any, Generic, TypeVar

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from services.console.domain.fields import Id, field_error

MAX_PAGE = 200
R = TypeVar("R")
V = TypeVar("V", bound=BaseModel)


def _whole_number(value: object) -> object:
    """A query contains texts; only ASCII digits are a number here, while `int` also accepts `1_0` and ` 10`."""
    if isinstance(value, str):
        if not (value.isascii() and value.isdigit() and len(value) <= 6):  # noqa: PLR2004 -- more is out of range anyway
            raise field_error("must be a whole number")
        return int(value)
    return value


class QueryParams(BaseModel):
    """Base class of query parameters; each may be given once."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True, hide_input_in_errors=True)


class ListQuery(QueryParams):
    """The parameters of a list."""

    limit: Annotated[int, BeforeValidator(_whole_number), Field(ge=1, le=MAX_PAGE)] = 50
    """The most items on a page."""
    cursor: Id | None = None
    """`next_cursor` of the previous page."""


class View(BaseModel):
    """Base class of response bodies; only declared fields are shown."""

    model_config = ConfigDict(frozen=True, from_attributes=True, use_attribute_docstrings=True)


class ListPage(View, Generic[V]):
    """One page of a list."""

    items: tuple[V, ...]
    next_cursor: str | None
    """Send it as `cursor` for the next page; null: this is the last page."""


def list_page_from(rows: Sequence[R], limit: int, view: Callable[[R], V], *, key: Callable[[R], str]) -> ListPage[Any]:
    """The page of up to `limit + 1` rows; the surplus row only shows that there is a next page."""
    kept = rows[:limit]
    next_cursor = key(kept[-1]) if len(rows) > limit and kept else None
    return ListPage(items=tuple(map(view, kept)), next_cursor=next_cursor)
