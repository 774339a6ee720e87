"""`gateway dead-letters`."""

from libs.store.dead_letters import DeadLetter
from tests.unit.cli.shell import Shell
from tests.unit.console.world import NOON
from tools.cli.console_client import ExitCode


async def kept(shell: Shell, *ids: str, replayable: bool = True) -> None:
    later = NOON.replace(year=NOON.year + 1)
    for id_ in ids:
        letter = DeadLetter(
            id=id_, queue="policy.webhooks", reason="gone", name=None, message_id=None, account_id=None,
            integration_id=None, attempts=1, died_at=NOON, expires_at=later, sealed="k1:n:s", replayable=replayable,
        )  # fmt: skip
        await shell.world.store.dead_letters.add(letter)


async def test_letters_are_discarded_with_a_reason_and_listed_by_what_became_of_them(shell: Shell) -> None:
    await kept(shell, "dlt_1", "dlt_2", "dlt_3")

    code, out, _ = await shell("dead-letters", "discard", "dlt_1", "dlt_2", "--reason", "a test")
    waiting = await shell.json("dead-letters", "list", "--status", "waiting")
    discarded = await shell.json("dead-letters", "list", "--status", "discarded")

    assert code is ExitCode.DONE
    assert "discarded_at" in out
    assert [item["id"] for item in waiting["items"]] == ["dlt_3"]
    assert [item["id"] for item in discarded["items"]] == ["dlt_2", "dlt_1"]


async def test_a_discard_without_a_reason_is_wrong_usage(shell: Shell) -> None:
    code, _, _ = await shell("dead-letters", "discard", "dlt_1")

    assert code is ExitCode.USAGE


async def test_a_letter_that_was_not_kept_whole_says_so_and_why_it_is_not_replayed(shell: Shell) -> None:
    await kept(shell, "dlt_1", replayable=False)

    _, page, _ = await shell("dead-letters", "list")
    code, _, err = await shell("dead-letters", "replay", "dlt_1")

    assert "no" in page.split()
    assert code is not ExitCode.DONE
    assert "cannot be replayed" in err
