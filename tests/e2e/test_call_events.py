"""Call events: templates, cooldowns, dialects and the window template."""

from collections import Counter
from typing import Any
from xml.etree import ElementTree as ET

import orjson
import pytest

from tests.e2e.driver import MARK, Answer, Gateway, Integration, gather_answers, outbound
from tools.simulator.faults import Fault, FaultStep, Match

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


async def texts_on(gateway: Gateway, integration: Integration) -> list[str | None]:
    return [message.text for message in await gateway.whatsapp.messages(phone_number_id=integration.number)]


async def by_token(gateway: Gateway, integration: Integration, url: str, body: dict[str, Any]) -> Answer:
    """3CX posts to the URL that it was given, and sets no header of ours."""
    path = integration.path + url.partition(integration.path)[2]
    async with gateway.http.post(gateway.url(path), json=body) as answer:
        return Answer(answer.status, orjson.loads(await answer.read()))


async def test_each_kind_of_call_sends_its_template_once_in_15_minutes(gateway: Gateway) -> None:
    integration = await gateway.create_integration(templates=ENABLED)
    customer = await gateway.a_customer_who_wrote(integration)

    first = {kind: await gateway.post(integration, a_call(customer, kind, queue="Sales")) for kind in ENABLED}
    again = {kind: await gateway.post(integration, a_call(customer, kind)) for kind in ENABLED}

    assert {kind: answer.result for kind, answer in first.items()} == dict.fromkeys(ENABLED, "sent")
    assert {kind: answer.body.get("reason") for kind, answer in again.items()} == dict.fromkeys(ENABLED, "cooldown")
    expected = f"{MARK}: we missed your call, {customer} (Sales). Acme Clinic"
    assert await texts_on(gateway, integration) == [expected] * len(ENABLED)


async def test_concurrent_calls_on_all_replicas_send_one_template(gateway: Gateway) -> None:
    integration = await gateway.create_integration(templates=ENABLED)
    customer = await gateway.a_customer_who_wrote(integration)

    answers = await gather_answers(*(gateway.post(integration, a_call(customer)) for _ in range(12)))

    assert Counter(answer.result for answer in answers) == {"sent": 1, "skipped": 11}
    assert len(await texts_on(gateway, integration)) == 1


async def test_a_call_whose_message_definitely_failed_starts_no_cooldown(gateway: Gateway) -> None:
    integration = await gateway.create_integration(templates=ENABLED)
    customer = await gateway.a_customer_who_wrote(integration)
    await gateway.whatsapp.script(
        FaultStep(match=Match(phone_number_id=integration.number, times=1), fault=Fault(kind="error", code=131051))
    )

    answers = [await gateway.post(integration, a_call(customer)) for _ in range(3)]

    assert [answer.result for answer in answers] == ["gateway_send_failed", "sent", "skipped"]


async def test_calls_without_a_template_are_recorded_or_skipped(gateway: Gateway) -> None:
    off = {"missed_call": {"enabled": False, "text": SORRY}}
    integration = await gateway.create_integration(templates=off)
    customer = await gateway.a_customer_who_wrote(integration)

    answers = {
        "disabled": await gateway.post(integration, a_call(customer)),
        "none": await gateway.post(integration, a_call(customer, "voicemail")),
        "started": await gateway.post(integration, a_call(customer, "call_started")),
        "anonymous": await gateway.post(integration, a_call("anonymous")),
        "outgoing": await gateway.post(
            integration, {"event": "outgoing", "callerid": customer, "finishtype": "Ok", "id": "1"}
        ),
        "ringing": await gateway.post(
            integration, {"event": "ringing", "callerid": customer, "user": "101", "id": "2"}
        ),
    }

    assert {case: answer.result for case, answer in answers.items()} == {
        "disabled": "skipped",
        "none": "recorded",
        "started": "recorded",
        "anonymous": "missing_phone",
        "outgoing": "recorded",
        "ringing": "recorded",
    }
    assert answers["disabled"].body["reason"] == "template_disabled"
    assert await texts_on(gateway, integration) == []
    for answer in answers.values():
        await gateway.wait_for_records(1, event_id=answer.event_id, type="webhook.answered")


async def test_a_repeated_call_end_with_its_recording_sends_one_message(gateway: Gateway) -> None:
    integration = await gateway.create_integration(templates={"call_ended": {"enabled": True, "text": SORRY}})
    customer = await gateway.a_customer_who_wrote(integration)
    ended = an_end(customer, "261123120000_41-1", finishtype="OK")

    first = await gateway.post(integration, ended)
    twin = await gateway.post(integration, ended | {"title": "repeated"})
    recording = await gateway.post(integration, ended | {"FILES": ["https://pbx.example.com/41.wav"]})

    assert (first.result, recording.result) == ("sent", "recorded")
    assert twin.body == first.body
    assert len(await texts_on(gateway, integration)) == 1
    [received] = await gateway.wait_for_records(1, event_id=first.event_id, type="webhook.received")
    assert received["details"]["dialect"] == "creomate"


async def test_a_missed_call_outside_business_hours_is_after_hours(gateway: Gateway) -> None:
    never = {"zone": "Asia/Riyadh", "weekly": {}}
    integration = await gateway.create_integration(
        templates={"after_hours": {"enabled": True, "text": f"{MARK}: we are closed."}}, business_hours=never
    )
    customer = await gateway.a_customer_who_wrote(integration)

    answer = await gateway.post(integration, an_end(customer))

    assert answer.result == "sent"
    assert await texts_on(gateway, integration) == [f"{MARK}: we are closed."]


async def test_the_crm_template_of_the_console_works_for_call_events_only(gateway: Gateway) -> None:
    integration = await gateway.create_integration(templates=ENABLED, auth_mode="secret_hmac")
    customer = await gateway.a_customer_who_wrote(integration)
    issued = await gateway.api("POST", f"/integrations/{integration.id}/crm-template.xml", {})
    request = ET.fromstring(issued.content).find(".//Request")  # noqa: S314 -- our own
    assert request is not None
    url = request.get("Url") or ""
    gateway.seen_secrets.add(url.rpartition("/")[2])

    missed = {"call_type": "Missed", "number": customer, "agent": "[Agent]", "call_start_time_utc": "2026-11-23T12:00"}
    first = await by_token(gateway, integration, url, missed)
    twin = await by_token(gateway, integration, url, missed)
    message = await by_token(gateway, integration, url, outbound(customer))
    stranger = await by_token(gateway, integration, f"{url}x", missed)

    assert first.result == "sent"
    assert twin.body == first.body
    assert (message.result, message.details["reason"]) == ("unsupported_event_type", "call_events_only")
    assert (stranger.status, stranger.result) == (401, "invalid_3cx_webhook")
    assert len(await texts_on(gateway, integration)) == 1


async def test_outside_the_window_the_approved_template_is_sent_in_the_customers_language(gateway: Gateway) -> None:
    template = {"name": "reopen", "language": "en", "languages": ["ar"], "parameters": ["business_name"]}
    integration = await gateway.create_integration(strict_window=False, window_template=template, templates=ENABLED)
    stranger = gateway.a_customer()

    reply = await gateway.reply(integration, stranger)
    call = await gateway.post(integration, a_call(stranger))

    sent = await gateway.whatsapp.messages(phone_number_id=integration.number)
    assert (reply.result, call.result) == ("sent", "sent")
    assert [(message.type, message.text) for message in sent] == [("template", "reopen")] * 2
    assert reply.details == {"delivery": "template", "template": "reopen", "language": "ar"}
    [answered] = await gateway.wait_for_records(1, event_id=reply.event_id, type="webhook.answered")
    assert answered["details"]["details"] == {"delivery": "template", "template": "reopen", "language": "ar"}


async def test_outside_a_strict_window_the_refusal_names_the_reason(gateway: Gateway) -> None:
    integration = await gateway.create_integration(templates=ENABLED)

    answer = await gateway.post(integration, a_call(gateway.a_customer()))

    assert (answer.status, answer.result) == (409, "conversation_window_closed")
    assert answer.details == {"reason": "never_messaged", "strict_window": True}
