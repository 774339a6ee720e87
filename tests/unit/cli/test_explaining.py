"""What people are told of an event, of what would be decided, and of a period."""

import json
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from libs.contracts.decisions import Decision, RuleReceipt
from libs.contracts.errors import ErrorCode
from libs.store.records import Record
from tests.unit.cli.test_commands import EVENT_ID, Shell
from tests.unit.console.world import ADMIN_TOKEN, NOON, PHONE, a_world
from tools.cli.console import Exit

RECEIPT: list[dict[str, Any]] = [
    {"rule": "purpose_is_allowed", "version": 1, "passed": True, "saw": {"purpose": "support"}},
    {"rule": "customer_has_not_opted_out", "version": 3, "passed": False, "saw": {"suppressed": ["opt_out"]}},
]


@pytest.fixture
async def shell(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> AsyncIterator[Shell]:
    async with a_world(tmp_path) as world:
        url = str(world.client.make_url("/"))
        yield Shell(world, {"GATEWAY_CONSOLE_URL": url, "GATEWAY_ADMIN_TOKEN": ADMIN_TOKEN}, capsys)


def a_record(type_: str, seconds: float, **fields: Any) -> Record:
    known: dict[str, Any] = {"account_id": "acc_1", "event_id": EVENT_ID, "masked_phone": "+9665•••••678"}
    return Record(id=f"{type_}-{seconds}", at=NOON + timedelta(seconds=seconds), type=type_, **(known | fields))


async def test_a_refusal_is_explained_rule_by_rule_with_what_to_do(shell: Shell) -> None:
    await shell.world.store.records.append(
        [
            a_record("webhook.received", 0, details={"event_type": "outbound_message", "text_hash": "deadbeef"}),
            a_record(
                "webhook.answered",
                0.012,
                code="recipient_suppressed",
                details={"details": {"reason": "opt_out"}, "receipt": RECEIPT},
            ),
        ]
    )

    code, out, _ = await shell("explain", EVENT_ID)

    assert code is Exit.DONE
    lines = out.splitlines()
    assert any("3CX posted a webhook" in line for line in lines)
    [passed] = [line for line in lines if "purpose is allowed" in line]
    [stopped] = [line for line in lines if "customer has not opted out" in line]
    assert "✓" in passed
    assert "purpose=support" in passed
    assert "✗" in stopped
    assert "v3" in stopped
    assert "suppressed=opt_out" in stopped
    told = ErrorCode.RECIPIENT_SUPPRESSED.explanation
    assert told.cause.split()[0] in out
    assert "Fix" in out
    assert "+0.012 s" in out
    assert "+9665•••••678" in out
    assert "deadbeef" not in out


async def test_a_story_is_told_to_its_end(shell: Shell) -> None:
    await shell.world.store.records.append(
        [
            a_record("message.status_updated", 5, details={"status": "read"}),
            a_record("webhook.answered", 1, code="sent", details={"message_id": "wamid.1"}),
            a_record("forward.delivered", 6, details={"attempts": 2}),
            a_record("message.approved", 0.5, details={"receipt": RECEIPT[:1]}),
            a_record("webhook.received", 0),
        ]
    )

    _, out, _ = await shell("explain", EVENT_ID)

    places = [
        out.index(told)
        for told in ("posted a webhook", "let the message pass", "was answered: sent", "moved on", "side was told")
    ]
    assert places == sorted(places)
    assert "attempts=2" in out
    assert "Fix" not in out


async def test_nothing_from_outside_is_read_as_markup(shell: Shell) -> None:
    await shell.world.store.records.append([a_record("webhook.received", 0, details={"queue": "[bold]x[/bold]\\[/]"})])

    code, out, _ = await shell("explain", EVENT_ID)

    assert code is Exit.DONE
    assert "[bold]x[/bold]" in out


async def test_an_unknown_event_is_refused(shell: Shell) -> None:
    code, _, err = await shell("explain", EVENT_ID)

    assert code is Exit.REFUSED
    assert "not_found" in err


async def test_explaining_for_machines_is_the_story_itself(shell: Shell) -> None:
    await shell.world.store.records.append([a_record("webhook.received", 0)])

    told = await shell.json("explain", EVENT_ID)

    assert told["event_id"] == EVENT_ID


async def test_a_simulation_prints_every_rule_and_sends_nothing(shell: Shell) -> None:
    line = await shell.world.integration()
    receipt = tuple(RuleReceipt(**each) for each in RECEIPT)
    shell.world.policy.decision = Decision(code=ErrorCode.RECIPIENT_SUPPRESSED, receipt=receipt)

    code, out, _ = await shell("policy", "simulate", line["id"], "--to", PHONE, "--text", "Hi", "--purpose", "support")

    [asked] = shell.world.policy.asked
    assert code is Exit.DONE
    assert (asked.payload.event_type, asked.payload.to, asked.payload.text) == ("outbound_message", PHONE, "Hi")
    assert "Would be: recipient_suppressed" in out
    assert "✗" in out
    assert "Nothing was sent" in out


async def test_a_hypothesis_can_come_from_a_file(shell: Shell, tmp_path: Path) -> None:
    line = await shell.world.integration()
    file = tmp_path / "event.json"
    file.write_text(json.dumps({"event_type": "missed_call", "caller": PHONE}))

    told = await shell.json("policy", "simulate", line["id"], "--file", str(file))

    assert told["code"] == "approved"
    assert shell.world.policy.asked[0].payload.event_type == "missed_call"


@pytest.mark.parametrize(("form", "begins"), [("pdf", b"%PDF"), ("html", b"<!doctype"), ("csv", b"\xef\xbb\xbf")])
async def test_a_report_is_written_to_a_file(shell: Shell, tmp_path: Path, form: str, begins: bytes) -> None:
    account = await shell.world.account()
    file = tmp_path / f"report.{form}"
    period = ("--from", "2026-11-01", "--to", "2026-11-24")

    code, out, _ = await shell("reports", "compliance", account["id"], *period, "--format", form, "--output", str(file))

    assert code is Exit.DONE
    assert file.read_bytes().startswith(begins)
    assert str(file) in out


async def test_a_report_that_is_refused_says_which_field(shell: Shell) -> None:
    account = await shell.world.account()

    code, _, err = await shell("reports", "compliance", account["id"], "--from", "2026-11-02", "--to", "2026-11-01")

    assert code is Exit.REFUSED
    assert "to: must be after" in err
