"""`gateway chat-setup` and `gateway chat-test`."""

import asyncio
from datetime import timedelta
from typing import Any

import pytest

from libs.store.forwards import Attempt, Forward, ForwardState
from tests.unit.cli.shell import Shell, a_connected_account
from tests.unit.console.world import NOON
from tools.cli.commands.chat import HINTS, ended_forward
from tools.cli.console_client import CommandFailed, ExitCode

MAIN = "+4930123456"


async def a_chat(shell: Shell, *options: str) -> str:
    account, number = await a_connected_account(shell)
    made = await shell.json(
        *("integrations", "create", "--account-id", account, "--instance-id", number, "--chat-enabled"),
        *("--chat-number", f"{MAIN}={number}", *options),
    )
    return str(made["id"])


async def test_every_setting_of_the_chat_is_an_option(shell: Shell) -> None:
    id_ = await a_chat(
        shell,
        *("--chat-webhook-url", "https://pbx.example.com/sms/generic/x", "--chat-purpose", "transactional"),
        *("--no-chat-notes", "--chat-commands", "--chat-repeat-seconds", "0", "--chat-per-minute", "30"),
    )

    shown = await shell.json("integrations", "show", id_)
    cleared = await shell.json("integrations", "edit", id_, "--chat-number", "none")

    assert list(shown["chat_numbers"]) == [MAIN]
    assert (shown["chat_purpose"], shown["chat_notes"], shown["chat_commands"]) == ("transactional", False, True)
    assert (shown["chat_repeat_seconds"], shown["chat_per_minute"]) == (0, 30)
    assert cleared["chat_numbers"] == {}


async def test_the_set_up_prints_what_to_enter_in_3cx_and_the_key_once(shell: Shell) -> None:
    id_ = await a_chat(shell)

    setup = await shell.json("chat-setup", id_)
    code, out, _ = await shell("chat-setup", id_)

    assert code is ExitCode.DONE
    assert setup["provider_url"].endswith(f"/integrations/3cx/chat/{id_}")
    assert len(setup["api_key"]) >= 40
    assert setup["main_numbers"] == MAIN
    assert "Provider URL" in setup["where"]["provider_url"]
    assert "Shown only once" in out
    assert setup["api_key"] not in out


async def test_a_set_up_keeps_the_earlier_key_for_a_day(shell: Shell) -> None:
    id_ = await a_chat(shell)

    await shell.json("chat-setup", id_)
    await shell.json("chat-setup", id_)

    row = await shell.world.store.directory.integration(id_)
    assert row is not None
    assert [key.valid_until for key in row.chat_keys] == [None, NOON + timedelta(days=1)]


async def test_a_test_of_a_chat_without_an_address_says_what_is_missing(shell: Shell) -> None:
    code, _, err = await shell("chat-test", await a_chat(shell))

    assert code is ExitCode.REFUSED
    assert "chat_webhook_url" in err


class Forwards:
    """A console whose forward ends after some looks."""

    def __init__(self, *answers: dict[str, Any] | None) -> None:
        self.answers = list(answers)
        self.looks = 0

    def get(self, path: str) -> dict[str, Any]:
        assert path == "/forwards/f1"
        self.looks += 1
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if answer is None:
            raise CommandFailed("no such forward", ExitCode.REFUSED, {"error": "not_found"})
        return answer


def a_forward(status: str, last_status: int | None = None) -> dict[str, Any]:
    return {"status": status, "last_status": last_status, "last_error": None, "id": "f1"}


def test_it_waits_until_sender_has_posted_the_line() -> None:
    console = Forwards(None, a_forward("trying"), a_forward("delivered", 200))

    ended = ended_forward(console, "f1", sleep=lambda _: None)  # type: ignore[arg-type]  # the one call that it makes

    assert (ended["status"], ended["last_status"], console.looks) == ("delivered", 200, 3)


def test_it_does_not_wait_for_ever() -> None:
    times = iter([0.0, 10.0, 31.0])

    with pytest.raises(CommandFailed, match="is sender running"):
        ended_forward(Forwards(None), "f1", clock=lambda: next(times), sleep=lambda _: None)  # type: ignore[arg-type]


async def test_the_test_says_what_3cx_answered(shell: Shell) -> None:
    id_ = await a_chat(shell, "--chat-webhook-url", "https://pbx.example.com/sms/generic/x")
    forwards = shell.world.store.forwards

    async def refuse(forward_id: str) -> None:
        forward = Forward(
            id=forward_id,
            account_id=None,
            integration_id=id_,
            kind="chat.test",
            event_id="e",
            masked_phone=None,
            requested_at=NOON,
            updated_at=NOON,
        )
        await forwards.start(forward, owner="s", now=NOON, lease=timedelta(seconds=9))
        attempt = Attempt(at=NOON, duration_ms=3, status=500, error="http_500")
        await forwards.finish_attempt(forward_id, ForwardState.FAILED, owner="s", now=NOON, attempt=attempt)

    testing = asyncio.create_task(shell("chat-test", id_))
    while not (posted := [id_ for event, id_, _ in shell.world.broker.published if event.name == "forward.requested"]):
        await asyncio.sleep(0.01)
    await refuse(str(posted[0]))
    code, out, err = await testing

    assert code is ExitCode.REFUSED
    assert "http_500" in out + err
    assert "event log" in err


@pytest.mark.parametrize("problem", HINTS)
def test_every_usual_reason_says_what_to_look_at(problem: str) -> None:
    assert HINTS[problem].endswith((".", "--chat-webhook-url"))
    assert len(HINTS[problem]) > 30
