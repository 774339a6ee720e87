"""Pages of lists and their parameters."""

import pytest
from pydantic import ValidationError

from services.console.domain.pagination import MAX_PAGE, ListQuery, View, list_page_from


class Row(View):
    """A row that is shown as it is."""

    name: str


ROWS = [Row(name=name) for name in "abc"]


@pytest.mark.parametrize(
    ("limit", "names", "cursor"),
    [
        pytest.param(2, "ab", "b", id="a surplus row shows that there is a next page"),
        pytest.param(3, "abc", None, id="a full page without surplus is the last one"),
        pytest.param(9, "abc", None, id="a page that is not full is the last one"),
    ],
)
def test_the_cursor_is_the_last_row_of_a_page_that_has_a_next_one(limit: int, names: str, cursor: str | None) -> None:
    page = list_page_from(ROWS, limit, lambda row: row, key=lambda row: row.name)

    assert ("".join(row.name for row in page.items), page.next_cursor) == (names, cursor)
    assert list_page_from([], limit, lambda row: row, key=str).next_cursor is None


@pytest.mark.parametrize("limit", ["0", str(MAX_PAGE + 1), "-1", "1_0", " 1", "+1", "1.0", "٣", "9" * 400, ""])
def test_a_limit_is_a_whole_number_within_its_range(limit: str) -> None:
    with pytest.raises(ValidationError):
        ListQuery.model_validate({"limit": limit})


def test_parameters_have_defaults_and_unknown_ones_are_refused() -> None:
    assert (ListQuery().limit, ListQuery.model_validate({"limit": "200"}).limit) == (50, 200)
    with pytest.raises(ValidationError):
        ListQuery.model_validate({"offset": "1"})
