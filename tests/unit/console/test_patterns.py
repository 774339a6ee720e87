"""Patterns of the operators' API's paths: a fixed segment is nobody's id."""

import re

import pytest
from aiohttp.web_urldispatcher import DynamicResource
from hypothesis import given
from hypothesis import strategies as st

from services.console.http.patterns import patterns_of

PATHS = (
    "/words",
    "/words/all",
    "/words/all.csv/{part_id}",
    "/words/{word_id}",
    "/words/{word_id}/read",
    "/words/{word_id}/{part_id}",
)
SEGMENTS = st.sampled_from(["words", "all", "all.csv", "allxcsv", "all-of-them", "read", "reads", "w1"])


def matching(path: str) -> list[str]:
    """The paths of the table that take a request."""
    return [known for known, pattern in patterns_of(PATHS).items() if _takes(pattern, path)]


def _takes(pattern: str, path: str) -> bool:
    if "{" not in pattern:
        return pattern == path
    return re.fullmatch(DynamicResource(pattern).get_info()["pattern"], path) is not None


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("/words/all", ["/words/all"]),
        ("/words/w1", ["/words/{word_id}"]),
        ("/words/allxcsv", ["/words/{word_id}"]),
        ("/words/all.csv", []),
        ("/words/all-of-them", ["/words/{word_id}"]),
        ("/words/w1/read", ["/words/{word_id}/read"]),
        ("/words/w1/reads", ["/words/{word_id}/{part_id}"]),
        ("/words/all.csv/read", ["/words/all.csv/{part_id}"]),
        ("/words/all/read", []),
    ],
)
def test_a_fixed_segment_goes_before_a_parameter(path: str, expected: list[str]) -> None:
    assert matching(path) == expected


@given(st.lists(SEGMENTS, min_size=1, max_size=4))
def test_no_request_matches_two_paths(segments: list[str]) -> None:
    assert len(matching("/" + "/".join(segments))) <= 1


def test_a_path_without_parameters_is_its_own_pattern() -> None:
    assert patterns_of(["/a", "/b"]) == {"/a": "/a", "/b": "/b"}
