from pathlib import Path

import pytest

from tests.cluster.figures import FIGURES as CLUSTER
from tests.figures import BEGIN, END, Figures
from tests.k8s.cluster.figures import FIGURES, HEAD, Row
from tests.k8s.cluster.traffic import percentile

ROW = Row("rollout of policy", messages=600, failed=0, pending=1, lost=0, twice=0, p50_s=0.04, p99_s=1.2, seconds=28.4)


def test_the_table_replaces_what_is_between_the_marks_and_nothing_else() -> None:
    page = f"before\n{BEGIN}\nold\n{END}\nafter\n"

    once = FIGURES.with_table(page, [ROW])

    assert once.startswith(f"before\n{BEGIN}\n{HEAD}\n")
    assert once.endswith(f"| rollout of policy | 600 | 0 | 1 | 0 | 0 | 0.04 | 1.20 | 28 |\n{END}\nafter\n")
    assert "old" not in once
    assert FIGURES.with_table(once, [ROW]) == once


def test_a_page_without_marks_is_refused() -> None:
    with pytest.raises(ValueError, match="lacks"):
        FIGURES.with_table("nothing", [ROW])


def test_the_guide_has_a_place_for_the_table() -> None:
    for figures in (FIGURES, CLUSTER):
        assert BEGIN in figures.page.read_text("utf-8")
    assert FIGURES.with_table(FIGURES.page.read_text("utf-8"), [ROW])


def test_figures_are_kept_row_by_row_until_the_next_run_and_put_into_the_page(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text(f"{BEGIN}\n{END}\n", "utf-8")
    figures = Figures(Row, HEAD, tmp_path / "var" / "figures.jsonl", page)
    figures.keep(ROW)
    figures.keep(ROW)

    told = figures.write("make k8s-test")
    rows = figures.kept()
    figures.forget()

    assert (told, rows, figures.kept()) == (None, [ROW, ROW], [])
    assert page.read_text("utf-8").count("rollout of policy") == 2
    assert "make k8s-test" in str(figures.write("make k8s-test"))


@pytest.mark.parametrize(
    ("values", "share", "found"),
    [([], 0.5, 0.0), ([1.0], 0.99, 1.0), ([1.0, 2.0, 3.0, 4.0], 0.5, 2.0), ([*map(float, range(1, 101))], 0.99, 99.0)],
)
def test_a_percentile_is_a_value_that_was_measured(values: list[float], share: float, found: float) -> None:
    assert percentile(values, share) == found
