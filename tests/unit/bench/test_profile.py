"""The profile of `python -m bench.profile`: which part a stack belongs to, and the section of the page."""

from collections import Counter
from pathlib import Path

import pytest

from bench import profile_parts as parts
from bench.profile import Samples, loop_share, parts_in, scaled
from bench.profile_page import HEADING, REASONS, Profile, section_in, with_section, write

LOOP = ["serve (/app/services/policy/app.py:90)", "run (/usr/lib/python3.13/asyncio/runners.py:118)"]
CASES = [
    (["__call__ (/app/services/policy/handlers/decide_webhook.py:60)", "loads (/usr/json/x.py:1)"], parts.EVENTS),
    (["__call__ (/app/services/policy/handlers/decide_webhook.py:60)", "wait (/usr/asyncio/x.py:1)"], parts.HANDLERS),
    (["judge (/app/services/policy/rules/consent.py:12)"], parts.RULES),
    (["row (/app/libs/store/sqlite/database.py:67)"], parts.READ),
    (["_run (/app/libs/store/sqlite/writer.py:60)", "write (/app/libs/store/sqlite/records.py:46)"], parts.WRITE),
    (["change (/app/libs/store/sqlite/database.py:54)", "submit (/app/libs/store/sqlite/x.py:1)"], parts.WRITE),
    (["send (/app/libs/chassis/amqp/publisher.py:3)", "sign (/app/libs/chassis/amqp/authentication.py:9)"], parts.MAC),
    (LOOP, parts.LOOP),
]

SAMPLED = """thread (0x1): MainThread;judge (/app/services/policy/rules/a.py:1) 3
thread (0x1): MainThread;row (/app/libs/store/sqlite/database.py:67) 1
thread (0x2);_run (/app/libs/store/sqlite/writer.py:60) 7
"""


@pytest.mark.parametrize(("frames", "part"), CASES)
def test_the_innermost_known_frame_names_the_part(frames: list[str], part: str) -> None:
    assert parts.part_of(frames) == part


def test_each_thread_s_samples_are_scaled_to_its_own_time() -> None:
    found = scaled(parts_in(SAMPLED), cpu_us=1000.0, share=0.8)

    assert found == {parts.RULES: 600.0, parts.READ: 200.0, parts.WRITE: pytest.approx(200.0)}


def test_time_of_threads_that_were_never_seen_is_not_lost() -> None:
    assert scaled(Samples(Counter({"a": 1}), Counter()), 100.0, 0.75) == {"a": 75.0, "other threads": 25.0}


def test_the_share_of_the_loop_is_that_of_the_time_between() -> None:
    assert loop_share({7: 1.0, 8: 1.0}, {7: 4.0, 8: 1.5, 9: 0.5}, 7) == pytest.approx(0.75)


def test_the_section_replaces_the_one_before_and_outlives_a_new_page(tmp_path: Path) -> None:
    page = tmp_path / "performance.md"
    page.write_text("# Performance\n\nold figures\n", "utf-8")
    write(page, [Profile("policy-1", {parts.RULES: 90.0, parts.TRACES: 4.0})])
    write(page, [Profile("policy-1", {parts.RULES: 80.0, parts.TRACES: 3.0})])

    rewritten = with_section("# Performance\n\nnew figures\n", section_in(page.read_text("utf-8")))

    assert rewritten.count(HEADING) == 1
    assert "new figures" in rewritten
    assert f"| {parts.RULES} | 80 | Every rule is judged" in rewritten
    assert f"| {parts.TRACES} | 3 |  |" in rewritten


def test_every_part_has_its_reason() -> None:
    known = {part for part, _ in parts.RULES_OF_FRAMES} | {parts.WRITE, parts.LOOP} | set(parts.BROKER_PARTS.values())

    assert known <= REASONS.keys()
