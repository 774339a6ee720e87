"""The form of the runbook, and how its commands are read."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.chaos.alerts.runbook import PARTS, Command, commands, commands_in, fault_of, sections
from tests.unit.deploy.rule_files import rules_by_file

_LIST = re.compile(r"\bgateway (?!audit|explain)[^|]*\|")
"""A list of the command line that another program reads."""


@pytest.mark.parametrize("alert", sorted(sections()))
def test_each_section_has_the_five_parts_and_a_command(alert: str) -> None:
    parts = sections()[alert]

    assert tuple(parts) == PARTS
    assert all(text.strip() for text in parts.values())
    assert commands(alert)


def test_each_alert_has_its_section_on_the_page_of_its_rules() -> None:
    for page, rules in rules_by_file().items():
        names = {rule["alert"] for rule in rules if "alert" in rule}
        if names:
            text = (Path("docs/runbook") / f"{page}.md").read_text("utf-8")
            assert {name for name in names if f"\n## {name}\n" not in text} == set()


def test_a_block_holds_commands_with_their_status_and_their_outputs() -> None:
    block = "$ ls a  b\none …\n\ntwo\n$ false # exit status 1\n"

    assert list(commands_in(block)) == [Command("ls a  b", 0, ("one …", "two")), Command("false", 1, ())]


@pytest.mark.parametrize(
    ("printed", "unmet"),
    [
        ("a 1 b\nc", None),
        ("x\na   22   b\ny\nc d", None),
        ("c\na 1 b", "c"),
        ("a b", "a … b"),
        ("", "a … b"),
    ],
)
def test_lines_must_be_printed_in_their_order_and_an_ellipsis_is_anything(printed: str, unmet: str | None) -> None:
    assert Command("x", 0, ("a … b", "c")).unmet(printed) == unmet


async def test_a_command_is_run_again_until_its_figures_have_followed_the_fault() -> None:
    answers = iter([(0, ""), (1, ""), (0, "waiting 1\n"), (0, "never asked for")])

    assert await fault_of(Command("x", 0, ("waiting …",)), lambda: _next(answers)) is None
    assert await _next(answers) == (0, "never asked for")


async def test_a_command_that_never_answers_as_it_stands_is_a_fault_with_its_last_answer() -> None:
    answers = iter([(0, "first\n"), (3, "last\n")])

    fault = await fault_of(Command("x", 0, ("waiting …",)), lambda: _next(answers), settles=0.001)

    assert fault == "last\n[exit status 3]\nwithout 'waiting …'"


async def _next(answers: Iterator[tuple[int, str]]) -> tuple[int, str]:
    return next(answers)


def test_a_command_that_searches_a_list_reads_all_of_an_hour_and_not_the_newest_page() -> None:
    """What an alert tells of is on no first page once a fault has made hundreds of newer records."""
    searches = [each.text for alert in sections() for each in commands(alert) if _LIST.search(each.text)]

    assert searches
    assert [text for text in searches if "--all" not in text or ("events" in text and "--from" not in text)] == []
