"""`gateway explain`: the timeline, the rules with their inputs, cause and fix."""

from datetime import timedelta
from typing import Any

from libs.contracts.errors import ErrorCode
from libs.store.records import Record
from tests.unit.cli.shell import EVENT_ID, Shell
from tests.unit.console.world import NOON
from tools.cli.console_client import ExitCode

RECEIPT: list[dict[str, Any]] = [
    {"rule": "purpose_is_allowed", "version": 1, "passed": True, "saw": {"purpose": "support"}},
    {"rule": "customer_has_not_opted_out", "version": 3, "passed": False, "saw": {"suppressed": ["opt_out"]}},
]


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

    assert code is ExitCode.DONE
    lines = out.splitlines()
    assert any("3CX posted a webhook" in line for line in lines)
    [passed] = [line for line in lines if "purpose is allowed" in line]
    [stopped] = [line for line in lines if "customer has not opted out" in line]
    assert "✓" in passed
    assert "purpose=support" in passed
    assert "✗" in stopped
    assert "v3" in stopped
    assert "suppressed=opt_out" in stopped
    printed = ErrorCode.RECIPIENT_SUPPRESSED.explanation
    assert printed.cause.split()[0] in out
    assert "Fix" in out
    assert "+0.012 s" in out
    assert "+9665•••••678" in out
    assert "deadbeef" not in out


async def test_a_timeline_shows_every_record_in_order(shell: Shell) -> None:
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
        out.index(printed)
        for printed in (
            "posted a webhook",
            "message was approved",
            "received the answer: sent",
            "status changed",
            "delivered to 3CX",
        )
    ]
    assert places == sorted(places)
    assert "attempts=2" in out
    assert "Fix" not in out


async def test_text_from_outside_is_not_interpreted_as_markup(shell: Shell) -> None:
    await shell.world.store.records.append([a_record("webhook.received", 0, details={"queue": "[bold]x[/bold]\\[/]"})])

    code, out, _ = await shell("explain", EVENT_ID)

    assert code is ExitCode.DONE
    assert "[bold]x[/bold]" in out


async def test_an_unknown_event_is_refused(shell: Shell) -> None:
    code, _, err = await shell("explain", EVENT_ID)

    assert code is ExitCode.REFUSED
    assert "not_found" in err


async def test_with_json_explain_prints_the_timeline(shell: Shell) -> None:
    await shell.world.store.records.append([a_record("webhook.received", 0)])

    printed = await shell.json("explain", EVENT_ID)

    assert printed["event_id"] == EVENT_ID


async def test_a_refusal_for_an_opt_out_names_which_one_and_when(shell: Shell) -> None:
    at = (NOON - timedelta(hours=1)).isoformat()
    stopped = {"kind": "opt_out", "source": "keyword", "suppression_id": "sup_1", "evidence": {"at": at}}
    earlier = {"kind": "opt_out", "source": "operator", "suppression_id": "sup_0"}
    known: dict[str, Any] = {"customer_hash": "c1", "event_id": "another"}
    blocked = {"kind": "blocked", "source": "operator", "suppression_id": "sup_2"}
    await shell.world.store.records.append(
        [
            a_record("suppression.added", -9000, details=earlier, **known),
            a_record("suppression.lifted", -8000, details=earlier, **known),
            a_record("suppression.added", -3590, details=stopped, **known),
            a_record("webhook.answered", 0, code="recipient_suppressed", customer_hash="c1"),
            a_record("suppression.added", 50, details=blocked, **known),
            a_record("suppression.added", 0.2, details=stopped | {"suppression_id": "sup_3", "kind": "x"}, **known),
            a_record("suppression.lifted", 0.3, details=stopped, **known),
        ]
    )

    _, out, _ = await shell("explain", EVENT_ID)
    told = " ".join(out.split())

    assert "suppressed by: opt_out (keyword), written 2026-" in told
    assert "suppression sup_1, record suppression.added--3590" in told
    assert "sup_0" not in told
    assert "sup_2" not in told
    assert "sup_3" in told


async def test_a_settled_outcome_is_no_longer_unknown(shell: Shell) -> None:
    await shell.world.store.records.append(
        [
            a_record("webhook.answered", 1, code="gateway_send_failed", details={"details": {"outcome": "unknown"}}),
            a_record("message.settled", 9, details={"outcome": "sent", "status": "delivered"}),
        ]
    )

    _, out, _ = await shell("explain", EVENT_ID)

    assert "outcome=unknown then, sent since" in out
    assert "is known now: sent" in out
    assert "Fix" not in out


async def test_whatsapps_codes_are_explained(shell: Shell) -> None:
    await shell.world.store.records.append(
        [
            a_record("webhook.answered", 1, code="gateway_send_failed", details={"details": {"provider_code": 131026}}),
            a_record("message.status_updated", 2, details={"status": "failed", "provider_codes": [131047]}),
        ]
    )

    _, out, _ = await shell("explain", EVENT_ID)

    assert "WhatsApp's code 131026: Undeliverable" in out
    assert "WhatsApp's code 131047: More than 24 hours" in out


async def test_a_key_that_was_used_before_leads_to_the_first_request(shell: Shell) -> None:
    details = {"details": {"first_event_id": "11111111-2222-4333-8444-555555555555"}}
    await shell.world.store.records.append(
        [a_record("webhook.answered", 0, code="idempotency_key_reused", details=details)]
    )

    _, out, _ = await shell("explain", EVENT_ID)

    assert "gateway explain 11111111-2222-4333-8444-555555555555" in out
