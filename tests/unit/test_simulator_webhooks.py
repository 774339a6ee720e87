"""The simulator's webhooks and errors have today's shapes, and restrictions concern the sends that they should."""

import tomllib
from pathlib import Path
from typing import Any

import orjson
import pytest

from libs.contracts.events import WhatsAppAccountUpdated, WhatsAppIdentityChanged, WhatsAppMessageReceived
from tests.unit.providers.cloud_api import samples
from tools.simulator.account_payloads import (
    ACCOUNT_EVENTS,
    QUALITY_EVENTS,
    TEMPLATE_EVENTS,
    AccountUpdate,
    Topic,
    account_envelope,
)
from tools.simulator.call_payloads import Call, call_change
from tools.simulator.error_codes import GRAPH_LEVEL, code_entry
from tools.simulator.faults import Fault, FaultScript, FaultStep, Match
from tools.simulator.graph import version_from
from tools.simulator.identity_payloads import IdentityChange, identity_change
from tools.simulator.limits import MEDIA_SECONDS, Media
from tools.simulator.meta_errors import error_from
from tools.simulator.restrictions import CREDENTIALS, TEMPLATES, Restriction, first_fault
from tools.simulator.send_requests import Send, answer_from, send_from
from tools.simulator.status_payloads import Pricing, status_changes, status_from
from tools.simulator.webhook_payloads import Inbound, envelope_from, message_from

NUMBER, OTHER_NUMBER = "106540352242922", "2"
CUSTOMER = "966500000001"
ERRORS = Path("libs/providers/cloud_api/errors.toml")


def text_of(number: str = NUMBER, to: str = CUSTOMER) -> Send:
    """A text to a customer."""
    return send_from(number, orjson.dumps({"messaging_product": "whatsapp", "to": to, "text": {"body": "Hi"}}))


def template_of(name: str = "hello") -> Send:
    """A template to the customer."""
    template = {"name": name, "language": {"code": "en"}}
    body = {"messaging_product": "whatsapp", "to": CUSTOMER, "type": "template", "template": template}
    return send_from(NUMBER, orjson.dumps(body))


def parsed(body: object) -> list[Any]:
    """The events that the gateway reads in a webhook of the simulator."""
    return [each.event for each in samples.parsed(body).events]


@pytest.mark.parametrize(
    ("pricing", "told"),
    [
        pytest.param(Pricing(), (False, "free_customer_service", "service"), id="a reply in the window"),
        pytest.param(Pricing("marketing"), (True, "regular", "marketing"), id="a template by its category"),
        pytest.param(
            Pricing("utility", entry_point=True),
            (False, "free_entry_point", "referral_conversion"),
            id="anything after an advertisement",
        ),
    ],
)
def test_a_status_tells_the_price_of_its_message(pricing: Pricing, told: tuple[bool, str, str]) -> None:
    status = status_from("sent", wamid="wamid.1", to=CUSTOMER, timestamp=5, pricing=pricing)

    billable, kind, category = told
    assert status["pricing"] == {"billable": billable, "pricing_model": "PMP", "type": kind, "category": category}
    assert ("conversation" in status) is pricing.entry_point


def test_a_failed_status_has_no_price() -> None:
    status = status_from("failed", wamid="wamid.1", to=CUSTOMER, timestamp=5, error=error_from(131026))

    assert not {"pricing", "conversation"} & status.keys()


def test_a_status_names_the_customer_by_every_identity() -> None:
    assert (
        status_from("read", wamid="w", to="US.7", timestamp=5).items()
        >= {
            "recipient_user_id": "US.7",
            "recipient_parent_user_id": "US.ENT.7",
        }.items()
    )
    assert "recipient_id" not in status_from("read", wamid="w", to="US.7", timestamp=5)


@pytest.mark.parametrize(
    ("word", "with_user_id", "named"),
    [
        pytest.param("sent", True, True, id="a phone with its user id"),
        pytest.param("sent", False, False, id="a phone alone"),
        pytest.param("failed", True, False, id="a failure"),
    ],
)
def test_a_status_of_a_message_to_a_phone_names_the_user_id_too(word: Any, *, with_user_id: bool, named: bool) -> None:
    status = status_from(word, wamid="w", to=CUSTOMER, timestamp=5, user_id="US.7", with_user_id=with_user_id)

    [change] = status_changes([(NUMBER, status)])

    contacts = change["value"].get("contacts", [])
    assert status.get("recipient_user_id") == ("US.7" if named else None)
    assert [(each["wa_id"], each["user_id"]) for each in contacts] == ([(CUSTOMER, "US.7")] if named else [])


def test_an_answer_names_whatsapps_own_spelling_of_the_phone() -> None:
    answer = orjson.loads(answer_from(text_of(to="5511987654321"), "w", with_user_id=False, wa_id="551187654321"))

    assert answer["contacts"] == [{"input": "5511987654321", "wa_id": "551187654321"}]


def test_a_template_may_be_held_for_quality() -> None:
    answer = answer_from(template_of(), "w", with_user_id=False, message_status="held_for_quality_assessment")

    assert orjson.loads(answer)["messages"] == [{"id": "w", "message_status": "held_for_quality_assessment"}]


@pytest.mark.parametrize(
    ("call", "told"),
    [
        pytest.param(
            {"sender": CUSTOMER, "user_id": "US.1"},
            {"from": CUSTOMER, "from_user_id": "US.1", "to": "15552242922", "event": "connect"},
            id="a customer's call rings",
        ),
        pytest.param(
            {"sender": CUSTOMER, "event": "terminate"},
            {"from": CUSTOMER, "to": "15552242922", "event": "terminate", "status": "FAILED"},
            id="nobody answered it",
        ),
        pytest.param(
            {"sender": CUSTOMER, "event": "terminate", "seconds": 3},
            {
                "from": CUSTOMER,
                "to": "15552242922",
                "event": "terminate",
                "status": "COMPLETED",
                "start_time": "2",
                "end_time": "5",
                "duration": 3,
            },
            id="it was answered",
        ),
        pytest.param(
            {"user_id": "US.1", "event": "terminate", "direction": "BUSINESS_INITIATED"},
            {"from": "15552242922", "to_user_id": "US.1", "event": "terminate", "status": "FAILED"},
            id="the business's call to a customer without phone",
        ),
    ],
)
def test_a_call_has_metas_shape(call: dict[str, Any], told: dict[str, Any]) -> None:
    change = call_change(Call(phone_number_id=NUMBER, id="wacid.1", **call), call_id="wacid.2", now=5)

    direction = call.get("direction", "USER_INITIATED")
    (entry,) = change["value"]["calls"]
    entry.pop("session", None)
    assert change["field"] == "calls"
    assert entry == {"id": "wacid.1", "timestamp": "5", "direction": direction} | told


def test_a_call_of_nobody_is_refused() -> None:
    with pytest.raises(ValueError, match="a call has `from`, `user_id` or both"):
        Call(phone_number_id=NUMBER)


def test_a_new_number_is_told_by_a_system_message_that_the_gateway_reads() -> None:
    change = IdentityChange(
        phone_number_id=NUMBER, sender=CUSTOMER, new_phone="966500000009", user_id="SA.1", new_user_id="SA.2"
    )

    events = parsed(envelope_from([identity_change(change, wamid="wamid.1", now=1_800_000_000)]))

    (identity,) = (event for event in events if isinstance(event, WhatsAppIdentityChanged))
    assert (identity.customer, identity.new_customer) == (f"+{CUSTOMER}", "+966500000009")
    assert (identity.customer_user_id, identity.new_customer_user_id) == ("SA.1", "SA.2")


def test_a_new_user_id_names_no_phone_and_no_contacts() -> None:
    change = IdentityChange(
        phone_number_id=NUMBER, kind="user_changed_user_id", user_id="SA.1", new_user_id="SA.2", sender=CUSTOMER
    )

    value = identity_change(change, wamid="wamid.1", now=5)["value"]

    assert value.keys() == {"messaging_product", "metadata", "messages"}
    assert value["messages"][0] == {
        "id": "wamid.1",
        "timestamp": "5",
        "type": "system",
        "system": {
            "type": "user_changed_user_id",
            "body": "User Someone changed from SA.1 to SA.2",
            "user_id": "SA.2",
            "parent_user_id": "SA.ENT.2",
            "previous_user_id": "SA.1",
            "previous_parent_user_id": "SA.ENT.1",
        },
    }


def test_a_new_user_id_without_a_phone_is_read_too() -> None:
    change = IdentityChange(phone_number_id=NUMBER, kind="user_changed_user_id", user_id="SA.1", new_user_id="SA.2")

    events = parsed(envelope_from([identity_change(change, wamid="wamid.1", now=1_800_000_000)]))

    message, identity = events
    assert isinstance(message, WhatsAppMessageReceived)
    assert isinstance(identity, WhatsAppIdentityChanged)
    assert (message.customer, message.customer_user_id, message.opens_window) == (None, "SA.2", False)
    assert (identity.customer_user_id, identity.new_customer_user_id) == ("SA.1", "SA.2")


@pytest.mark.parametrize("phone_in", [(), ("from",), ("wa_id",), ("from", "wa_id")])
def test_a_previous_user_id_may_stand_in_the_sentence_alone(phone_in: tuple[Any, ...]) -> None:
    names = {"user_id": "SA.1", "new_user_id": "SA.2", "sender": CUSTOMER, "previous": "sentence"}
    change = IdentityChange(phone_number_id=NUMBER, kind="user_changed_user_id", phone_in=phone_in, **names)

    [message] = identity_change(change, wamid="wamid.1", now=1_800_000_000)["value"]["messages"]

    assert message.get("from") == (CUSTOMER if "from" in phone_in else None)
    assert message["system"] == {
        "type": "user_changed_user_id",
        "body": "User Someone changed from SA.1 to SA.2",
        "user_id": "SA.2",
        "parent_user_id": "SA.ENT.2",
    } | ({"wa_id": CUSTOMER} if "wa_id" in phone_in else {})


@pytest.mark.parametrize("kind", ["user_changed_number", "user_changed_user_id"])
def test_an_identity_change_without_its_identities_is_refused(kind: str) -> None:
    with pytest.raises(ValueError, match=f"{kind} needs"):
        IdentityChange.model_validate({"phone_number_id": NUMBER, "kind": kind})


UPDATES: list[tuple[Topic, str]] = [
    *(("message_template_status_update", word) for word in TEMPLATE_EVENTS),
    *(("phone_number_quality_update", word) for word in QUALITY_EVENTS),
    *(("account_update", word) for word in ACCOUNT_EVENTS),
    ("message_template_quality_update", "RED"),
    ("business_capability_update", ""),
    ("account_alerts", "OBA_REJECTED"),
]


@pytest.mark.parametrize(("topic", "word"), UPDATES)
def test_every_update_of_an_account_is_one_event_for_the_gateway(topic: Topic, word: str) -> None:
    update = AccountUpdate(topic=topic, event=word, number=NUMBER, business_account_id="77", at=1_800_000_000)

    (event,) = parsed(account_envelope(update, now=5))

    assert isinstance(event, WhatsAppAccountUpdated)
    assert (event.topic, event.business_account_id) == (topic, "77")
    assert event.at is not None
    assert event.at.timestamp() == 1_800_000_000


def test_an_accounts_restriction_tells_its_end_and_its_reinstatement_is_a_state() -> None:
    until = account_envelope(AccountUpdate(topic="account_update", event="ACCOUNT_RESTRICTION", until=9), now=5)
    over = account_envelope(AccountUpdate(topic="account_update", event="REINSTATE"), now=5)

    restricted, reinstated = (each["entry"][0]["changes"][0]["value"] for each in (until, over))
    assert {each["expiration"] for each in restricted["restriction_info"]} == {9}
    assert (reinstated["event"], reinstated["ban_info"]["waba_ban_state"]) == ("DISABLED_UPDATE", "REINSTATE")


def test_the_error_table_has_every_code_that_the_gateway_knows() -> None:
    rows = tomllib.loads(ERRORS.read_text("utf-8"))["code"]
    codes = [int(str(code).partition("-")[0]) for row in rows for code in row["codes"]]

    assert [code for code in codes if code_entry(code) is None] == []


@pytest.mark.parametrize(
    ("code", "status"),
    [
        (0, 401),
        (3, 500),
        (104, 401),
        (250, 403),
        (368, 403),
        (80008, 400),
        (130403, 403),
        (131045, 500),
        (131057, 500),
        (132001, 404),
        (133000, 500),
        (133004, 503),
        (134101, 400),
        (138006, 400),
        (139100, 403),
        (459, 401),
        (613, 400),
        (2494100, 500),
    ],
)
def test_an_error_has_metas_status_and_type(code: int, status: int) -> None:
    error = error_from(code)

    told = orjson.loads(error.envelope("trace"))["error"]
    assert (error.status, told["type"], told["code"]) == (status, "OAuthException", code)
    assert ("error_data" in told) is (code not in GRAPH_LEVEL)


PROBE = Send(NUMBER, None, is_probe=True)
READ = send_from(NUMBER, orjson.dumps({"messaging_product": "whatsapp", "status": "read", "message_id": "wamid.1"}))


@pytest.mark.parametrize(
    ("restriction", "concerned"),
    [
        pytest.param({"code": 368}, {"text", "other number", "template"}, id="an account's: every send, no probe"),
        pytest.param({"code": 368, "phone_number_id": NUMBER}, {"text", "template"}, id="one number's"),
        pytest.param({"code": 190}, {"text", "other number", "template", "probe"}, id="a token's: probes too"),
        pytest.param({"code": 131064}, {"template"}, id="templates only"),
        pytest.param({"code": 132015, "template": "hello"}, {"template"}, id="one template"),
        pytest.param({"code": 132015, "template": "another"}, set(), id="another template"),
        pytest.param({"code": 130497, "country": "966"}, {"text", "other number", "template"}, id="a country"),
        pytest.param({"code": 130497, "country": "49"}, set(), id="another country"),
        pytest.param({"code": 131026, "to": "+966 50 000 0001"}, {"text", "other number", "template"}, id="a customer"),
        pytest.param({"code": 368, "by": "webhook"}, set(), id="one that only a webhook tells"),
        pytest.param({"code": 190, "by": "status"}, {"text", "other number", "template"}, id="a late one: no probe"),
    ],
)
def test_a_restriction_concerns_the_requests_that_it_should(restriction: dict[str, Any], concerned: set[str]) -> None:
    sends = {
        "text": text_of(),
        "other number": text_of(OTHER_NUMBER),
        "template": template_of(),
        "probe": PROBE,
        "read": READ,
    }
    imposed = Restriction.model_validate(restriction)

    met = {name: first_fault([imposed], send) for name, send in sends.items()}

    kind = "failed_status" if imposed.by == "status" else "error"
    assert {name for name, fault in met.items() if fault is not None} == concerned
    assert {(fault.kind, fault.code) for fault in met.values() if fault} <= {(kind, imposed.code)}


@pytest.mark.parametrize("code", [368, 131031, 131048, 132001, 132007, 132015, 132016])
def test_a_restriction_by_webhook_has_a_beginning_and_an_end_that_the_gateway_reads(code: int) -> None:
    imposed = Restriction(code=code, by="webhook", template="reopen", phone_number_id=NUMBER)

    updates = [imposed.update(), imposed.update(ended=True)]

    bodies = [account_envelope(update, now=1_800_000_000) for update in updates if update is not None]
    events = [event for body in bodies for event in parsed(body)]
    assert len({orjson.dumps(event.update) for event in events if isinstance(event, WhatsAppAccountUpdated)}) == 2


def test_a_code_without_a_webhook_of_the_account_cannot_be_told_by_one() -> None:
    with pytest.raises(ValueError, match="no webhook of the account tells of 131026"):
        Restriction(code=131026, by="webhook")


def test_codes_of_credentials_and_of_templates_are_codes_of_meta() -> None:
    assert [code for code in CREDENTIALS | TEMPLATES if code_entry(code) is None] == []


@pytest.mark.parametrize(
    ("match", "met"),
    [
        pytest.param(Match(kind="probe"), [False, False, True], id="probes alone"),
        pytest.param(Match(kind="any"), [True, True, True], id="everything"),
        pytest.param(Match(type="template"), [False, True, False], id="templates alone"),
    ],
)
def test_a_step_can_match_probes_and_types(match: Match, met: list[bool]) -> None:
    script = FaultScript([FaultStep(match=match, fault=Fault(kind="hang"))])

    assert [script.fault_for(send) is not None for send in (text_of(), template_of(), PROBE)] == met


@pytest.mark.parametrize(
    ("asked", "answers"),
    [("v26.0", "v26.0"), ("v21.0", "v21.0"), ("v20.0", "v21.0"), ("v27.0", None), ("latest", None), ("v25", None)],
)
def test_a_version_is_answered_while_meta_has_it(asked: str, answers: str | None) -> None:
    assert version_from(asked) == answers


def test_a_media_id_ends_after_seven_days() -> None:
    media = Media()
    media.add("5", "image/jpeg", at=100.0)

    assert media.mime_type("5", now=100.0 + MEDIA_SECONDS - 1) == "image/jpeg"
    assert media.mime_type("5", now=100.0 + MEDIA_SECONDS) is None
    assert media.mime_type("6", now=100.0) is None


def test_every_message_has_its_own_media() -> None:
    image = Inbound(phone_number_id=NUMBER, sender=CUSTOMER, type="image")

    first, second = (message_from(image, wamid=f"wamid.{n}", now=1_800_000_000)["image"] for n in range(2))

    assert first["id"] != second["id"]
    assert first["sha256"] != second["sha256"]


def test_the_gateway_reads_every_identity_of_a_customer() -> None:
    inbound = Inbound(phone_number_id=NUMBER, sender=CUSTOMER, user_id="SA.1", username="sam")
    message = message_from(inbound, wamid="wamid.1", now=1_800_000_000)

    (event,) = parsed(envelope_from([{"field": "messages", "value": _value(message)}]))

    assert isinstance(event, WhatsAppMessageReceived)
    assert (event.customer, event.customer_user_id) == (f"+{CUSTOMER}", "SA.1")


def _value(message: dict[str, Any]) -> dict[str, Any]:
    return {"metadata": {"phone_number_id": NUMBER}, "contacts": [], "messages": [message]}
