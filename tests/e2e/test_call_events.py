"""Calls: each kind's template once in a quarter of an hour, in whatever words 3CX tells of them."""

from collections import Counter
from typing import Any
from xml.etree import ElementTree as ET

import orjson
import pytest

from tests.e2e.driver import MARK, Answer, Gateway, Line, all_of, outbound
from tools.simulator.faults import Fault, Match, Step

pytestmark = pytest.mark.asyncio(loop_scope="session")

SORRY = MARK + ": we missed your call, {{customer_phone}} ({{queue}}). {{business_name}}"
ENABLED = {
    event_type: {"enabled": True, "text": SORRY}
    for event_type in ("missed_call", "voicemail", "call_ended", "queue_callback", "after_hours")
}


def a_call(customer: str, event_type: str = "missed_call", **fields: Any) -> dict[str, Any]:
    return {"event_type": event_type, "caller": customer, **fields}


def an_end(customer: str, call_id: str = "261123120000_41-0", **fields: Any) -> dict[str, Any]:
    known = {"event": "incoming", "callerid": customer.removeprefix("+"), "user": "101", "finishtype": "Missed"}
    return {**known, "id": call_id, **fields}


async def texts_on(gateway: Gateway, line: Line) -> list[str | None]:
    return [message.text for message in await gateway.whatsapp.messages(phone_number_id=line.number)]


async def by_token(gateway: Gateway, line: Line, url: str, body: dict[str, Any]) -> Answer:
    """3CX posts to the URL that it was given, and sets no header of ours."""
    path = line.path + url.partition(line.path)[2]
    async with gateway.http.post(gateway.url(path), json=body) as answer:
        return Answer(answer.status, orjson.loads(await answer.read()))


async def test_each_kind_of_call_sends_its_template_once_in_a_quarter_of_an_hour(gateway: Gateway) -> None:
    line = await gateway.open_line(templates=ENABLED)
    customer = await gateway.a_writer(line)

    first = {kind: await gateway.post(line, a_call(customer, kind, queue="Sales")) for kind in ENABLED}
    again = {kind: await gateway.post(line, a_call(customer, kind)) for kind in ENABLED}

    assert {kind: answer.word for kind, answer in first.items()} == dict.fromkeys(ENABLED, "sent")
    assert {kind: answer.body.get("reason") for kind, answer in again.items()} == dict.fromkeys(ENABLED, "cooldown")
    expected = f"{MARK}: we missed your call, {customer} (Sales). Acme Clinic"
    assert await texts_on(gateway, line) == [expected] * len(ENABLED)


async def test_of_many_calls_at_once_over_all_replicas_one_is_answered(gateway: Gateway) -> None:
    line = await gateway.open_line(templates=ENABLED)
    customer = await gateway.a_writer(line)

    answers = await all_of(*(gateway.post(line, a_call(customer)) for _ in range(12)))

    assert Counter(answer.word for answer in answers) == {"sent": 1, "skipped": 11}
    assert len(await texts_on(gateway, line)) == 1


async def test_a_call_whose_message_surely_failed_does_not_silence_the_next(gateway: Gateway) -> None:
    line = await gateway.open_line(templates=ENABLED)
    customer = await gateway.a_writer(line)
    await gateway.whatsapp.script(
        Step(match=Match(phone_number_id=line.number, times=1), fault=Fault(kind="error", code=131026))
    )

    answers = [await gateway.post(line, a_call(customer)) for _ in range(3)]

    assert [answer.word for answer in answers] == ["gateway_send_failed", "sent", "skipped"]


async def test_calls_that_send_nothing_say_so(gateway: Gateway) -> None:
    off = {"missed_call": {"enabled": False, "text": SORRY}}
    line = await gateway.open_line(templates=off)
    customer = await gateway.a_writer(line)

    answers = {
        "disabled": await gateway.post(line, a_call(customer)),
        "none": await gateway.post(line, a_call(customer, "voicemail")),
        "started": await gateway.post(line, a_call(customer, "call_started")),
        "anonymous": await gateway.post(line, a_call("anonymous")),
        "outgoing": await gateway.post(
            line, {"event": "outgoing", "callerid": customer, "finishtype": "Ok", "id": "1"}
        ),
        "ringing": await gateway.post(line, {"event": "ringing", "callerid": customer, "user": "101", "id": "2"}),
    }

    assert {case: answer.word for case, answer in answers.items()} == {
        "disabled": "skipped",
        "none": "recorded",
        "started": "recorded",
        "anonymous": "missing_phone",
        "outgoing": "recorded",
        "ringing": "recorded",
    }
    assert answers["disabled"].body["reason"] == "template_disabled"
    assert await texts_on(gateway, line) == []
    for answer in answers.values():
        await gateway.recorded(1, event_id=answer.event_id, type="webhook.answered")


async def test_an_end_that_is_told_again_and_again_with_its_recording_is_one_message(gateway: Gateway) -> None:
    line = await gateway.open_line(templates={"call_ended": {"enabled": True, "text": SORRY}})
    customer = await gateway.a_writer(line)
    ended = an_end(customer, "261123120000_41-1", finishtype="OK")

    first = await gateway.post(line, ended)
    twin = await gateway.post(line, ended | {"title": "told again"})
    recording = await gateway.post(line, ended | {"FILES": ["https://pbx.example.com/41.wav"]})

    assert (first.word, recording.word) == ("sent", "recorded")
    assert twin.body == first.body
    assert len(await texts_on(gateway, line)) == 1
    [received] = await gateway.recorded(1, event_id=first.event_id, type="webhook.received")
    assert received["details"]["dialect"] == "creomate"


async def test_a_missed_call_while_nobody_is_there_is_after_hours(gateway: Gateway) -> None:
    never = {"zone": "Asia/Riyadh", "weekly": {}}
    line = await gateway.open_line(
        templates={"after_hours": {"enabled": True, "text": f"{MARK}: we are closed."}}, business_hours=never
    )
    customer = await gateway.a_writer(line)

    answer = await gateway.post(line, an_end(customer))

    assert answer.word == "sent"
    assert await texts_on(gateway, line) == [f"{MARK}: we are closed."]


async def test_the_crm_template_that_the_console_hands_out_works_and_speaks_of_calls_alone(gateway: Gateway) -> None:
    line = await gateway.open_line(templates=ENABLED, auth_mode="secret_hmac")
    customer = await gateway.a_writer(line)
    told = await gateway.api("POST", f"/integrations/{line.id}/crm-template.xml", {})
    request = ET.fromstring(told.content).find(".//Request")  # noqa: S314 -- our own
    assert request is not None
    url = request.get("Url") or ""
    gateway.seen_secrets.add(url.rpartition("/")[2])

    missed = {"call_type": "Missed", "number": customer, "agent": "[Agent]", "call_start_time_utc": "2026-11-23T12:00"}
    first = await by_token(gateway, line, url, missed)
    twin = await by_token(gateway, line, url, missed)
    message = await by_token(gateway, line, url, outbound(customer))
    stranger = await by_token(gateway, line, f"{url}x", missed)

    assert first.word == "sent"
    assert twin.body == first.body
    assert (message.word, message.details["reason"]) == ("unsupported_event_type", "call_events_only")
    assert (stranger.status, stranger.word) == (401, "invalid_3cx_webhook")
    assert len(await texts_on(gateway, line)) == 1


async def test_outside_the_window_the_approved_template_goes_in_the_customers_language(gateway: Gateway) -> None:
    template = {"name": "reopen", "language": "en", "languages": ["ar"], "parameters": ["business_name"]}
    line = await gateway.open_line(strict_window=False, window_template=template, templates=ENABLED)
    stranger = gateway.a_customer()

    reply = await gateway.reply(line, stranger)
    call = await gateway.post(line, a_call(stranger))

    sent = await gateway.whatsapp.messages(phone_number_id=line.number)
    assert (reply.word, call.word) == ("sent", "sent")
    assert [(message.type, message.text) for message in sent] == [("template", "reopen")] * 2
    assert reply.details == {"delivery": "template", "template": "reopen", "language": "ar"}
    [answered] = await gateway.recorded(1, event_id=reply.event_id, type="webhook.answered")
    assert answered["details"]["details"] == {"delivery": "template", "template": "reopen", "language": "ar"}


async def test_outside_a_strict_window_a_refusal_tells_the_reason(gateway: Gateway) -> None:
    line = await gateway.open_line(templates=ENABLED)

    answer = await gateway.post(line, a_call(gateway.a_customer()))

    assert (answer.status, answer.word) == (409, "conversation_window_closed")
    assert answer.details == {"reason": "never_messaged", "strict_window": True}
