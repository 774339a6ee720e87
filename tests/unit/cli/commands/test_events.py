"""`gateway events`."""

import pytest

from libs.store.records import Record
from tests.unit.cli.shell import EVENT_ID, Shell
from tests.unit.console.world import NOON


async def test_the_list_shows_what_became_of_a_message_that_could_not_be_sent(shell: Shell) -> None:
    details = {"details": {"outcome": "unknown"}}
    failed = Record(
        id=f"{1:032x}",
        at=NOON,
        type="webhook.answered",
        event_id=EVENT_ID,
        code="gateway_send_failed",
        details=details,
    )
    await shell.world.store.records.append([failed])

    _, page, _ = await shell("events", "--code", "gateway_send_failed")

    assert "outcome" in page
    assert "unknown" in page


@pytest.mark.parametrize("command", [["events"], ["events", "list"]])
async def test_the_record_is_searched_to_its_end(shell: Shell, command: list[str]) -> None:
    await shell.world.store.records.append(
        [
            Record(id=f"{number:032x}", at=NOON, type="webhook.answered", event_id=EVENT_ID, code="sent")
            for number in range(5)
        ]
    )

    found = await shell.json(*command, "--code", "sent", "--from", "2026-11-23T12:00:00Z", "--limit", "2", "--all")
    story = await shell.json("events", "show", EVENT_ID)
    _, page, _ = await shell(*command, "--limit", "2")

    assert (len(found["items"]), found["next_cursor"], len(story["items"])) == (5, None, 5)
    assert "There are more items" in page
