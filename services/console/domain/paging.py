"""Lists come in pages: at most 200 items, and a cursor that leads to the next ones."""

from collections.abc import Callable, Sequence
from typing import Annotated, Any, Generic, TypeVar

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from services.console.domain.fields import Id, wrong

LONGEST_PAGE = 200
R = TypeVar("R")
V = TypeVar("V", bound=BaseModel)


def _whole_number(value: object) -> object:
    """A query has text alone; only plain digits are a number (`int` would also read `1_0` and ` 10`)."""
    if isinstance(value, str):
        if not (value.isascii() and value.isdigit() and len(value) <= 6):  # noqa: PLR2004 -- more is out of range anyway
            raise wrong("must be a whole number")
        return int(value)
    return value


class Params(BaseModel):
    """The parameters of a call; each may be given once."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True, hide_input_in_errors=True)


class Query(Params):
    """The parameters of a list."""

    limit: Annotated[int, BeforeValidator(_whole_number), Field(ge=1, le=LONGEST_PAGE)] = 50
    """How many items a page has at most."""
    cursor: Id | None = None
    """`next_cursor` of the page before."""


class Shown(BaseModel):
    """An answer's body: the fields named here and no others."""

    model_config = ConfigDict(frozen=True, from_attributes=True, use_attribute_docstrings=True)


class Listed(Shown, Generic[V]):
    """One page of a list."""

    items: tuple[V, ...]
    next_cursor: str | None
    """Send it as `cursor` for the next page; null: this was the last."""


def listed(rows: Sequence[R], limit: int, view: Callable[[R], V], *, key: Callable[[R], str]) -> Listed[Any]:
    """A page from `limit + 1` rows that were asked for: the one too many tells that there is a next page."""
    kept = rows[:limit]
    return Listed(
        items=tuple(view(row) for row in kept), next_cursor=key(kept[-1]) if len(rows) > limit and kept else None
    )
