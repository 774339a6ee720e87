"""What `make test` leaves out as `long`, `make chaos` runs."""

import re
from fnmatch import fnmatch
from pathlib import Path

import pytest

MAKEFILE = Path("Makefile").read_text("utf-8")
MARKED = re.compile(r"\bmark\.long\b")
KINDS = ("timed", "alone")
"""Markers of long scenarios that other stages of `make chaos` run."""


def places() -> list[str]:
    """The files and folders that `make chaos` names, with `*`."""
    [words] = re.findall(r"^CHAOS := ((?:.*\\\n)*.*)$", MAKEFILE, re.MULTILINE)
    return [word for word in words.split() if word != "\\"]


def stages() -> list[str]:
    """Which tests each stage runs, as pytest's -m."""
    return re.findall(r'pytest \$\(CHAOS\) -m "([^"]+)"', MAKEFILE)


def test_every_file_with_a_long_test_is_named() -> None:
    named = places()
    marked = [path for path in sorted(Path("tests").rglob("test_*.py")) if MARKED.search(path.read_text("utf-8"))]

    assert len(marked) > len(named)
    assert [
        path for path in marked if not any(fnmatch(str(path), place) or path.is_relative_to(place) for place in named)
    ] == []


@pytest.mark.parametrize("marks", [set(), {"timed"}, {"alone"}], ids=str)
def test_a_long_test_runs_in_one_stage(marks: set[str]) -> None:
    found = [stage for stage in stages() if eval(stage, {"long": True} | {kind: kind in marks for kind in KINDS})]  # noqa: S307

    assert len(found) == 1, stages()
