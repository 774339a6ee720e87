import pytest

from tests.k8s.cluster.figures import BEGIN, END, HEAD, PAGE, Row, with_table
from tests.k8s.cluster.traffic import percentile

ROW = Row("rollout of policy", messages=600, failed=0, pending=1, lost=0, twice=0, p50_s=0.04, p99_s=1.2, seconds=28.4)


def test_the_table_replaces_what_is_between_the_marks_and_nothing_else() -> None:
    page = f"before\n{BEGIN}\nold\n{END}\nafter\n"

    once = with_table(page, [ROW])

    assert once.startswith(f"before\n{BEGIN}\n{HEAD}\n")
    assert once.endswith(f"| rollout of policy | 600 | 0 | 1 | 0 | 0 | 0.04 | 1.20 | 28 |\n{END}\nafter\n")
    assert "old" not in once
    assert with_table(once, [ROW]) == once


def test_a_page_without_marks_is_refused() -> None:
    with pytest.raises(ValueError, match="lacks"):
        with_table("nothing", [ROW])


def test_the_guide_has_a_place_for_the_table() -> None:
    assert with_table(PAGE.read_text("utf-8"), [ROW])


@pytest.mark.parametrize(
    ("values", "share", "found"),
    [([], 0.5, 0.0), ([1.0], 0.99, 1.0), ([1.0, 2.0, 3.0, 4.0], 0.5, 2.0), ([*map(float, range(1, 101))], 0.99, 99.0)],
)
def test_a_percentile_is_a_value_that_was_measured(values: list[float], share: float, found: float) -> None:
    assert percentile(values, share) == found
