"""Customers: their names, calls and identities, and what a message to them costs."""

from tests.integration.simulator.world import CUSTOMER, NUMBER, Callback, WhatsApp, until
from tools.simulator.identity_payloads import IdentityChange


async def test_answers_and_statuses_name_whatsapps_own_spelling(whatsapp: WhatsApp, callback: Callback) -> None:
    await whatsapp.control.configure(wa_ids={"5511987654321": "551187654321"})

    _, answer = await whatsapp.send(to="+55 11 98765-4321")
    await until(lambda: len(callback.statuses) == 3)

    assert answer["contacts"][0]["wa_id"] == "551187654321"
    assert {status["recipient_id"] for status in callback.statuses} == {"551187654321"}


async def test_a_template_costs_by_its_category_and_may_be_held(whatsapp: WhatsApp, callback: Callback) -> None:
    await whatsapp.control.configure(template_category="marketing", template_status="held_for_quality_assessment")

    _, answer = await whatsapp.send(type="template", template={"name": "a", "language": {"code": "en"}})
    await until(lambda: len(callback.statuses) == 3)

    assert answer["messages"][0]["message_status"] == "held_for_quality_assessment"
    assert {status["pricing"]["category"] for status in callback.statuses} == {"marketing"}


async def test_messages_after_an_advertisement_are_free_and_have_a_conversation(
    whatsapp: WhatsApp, callback: Callback
) -> None:
    await whatsapp.control.inbound(NUMBER, CUSTOMER, raw={"referral": {"source_type": "ad"}})

    await whatsapp.send()
    await until(lambda: len(callback.statuses) == 3)

    assert {status["pricing"]["type"] for status in callback.statuses} == {"free_entry_point"}
    assert {status["conversation"]["origin"]["type"] for status in callback.statuses} == {"referral_conversion"}


async def test_a_customers_call_opens_the_window_and_the_businesss_does_not(
    whatsapp: WhatsApp, callback: Callback
) -> None:
    await whatsapp.control.configure(window="answer")

    await whatsapp.control.call(NUMBER, CUSTOMER, direction="BUSINESS_INITIATED")
    closed = await whatsapp.send()
    call_id = await whatsapp.control.call(NUMBER, CUSTOMER)
    opened = await whatsapp.send()
    await whatsapp.control.call(NUMBER, CUSTOMER, id=call_id, event="terminate", seconds=3)

    assert closed[1]["error"]["code"] == 131047
    assert opened[0] == 200
    calls = [call for value in callback.values for call in value.get("calls", ())]
    assert [call["event"] for call in calls] == ["connect", "connect", "terminate"]
    assert calls[1]["id"] == calls[2]["id"] == call_id


async def test_an_identity_change_and_an_accounts_update_are_posted(whatsapp: WhatsApp, callback: Callback) -> None:
    await whatsapp.control.change_identity(
        IdentityChange(phone_number_id=NUMBER, sender=CUSTOMER, new_phone="966500000009")
    )
    await whatsapp.control.update_account("phone_number_quality_update", "THROUGHPUT_UPGRADE", number=NUMBER, limit=-1)

    identity, update = callback.values
    assert identity["messages"][0]["system"]["wa_id"] == "966500000009"
    assert update == {
        "display_phone_number": "15552242922",
        "event": "THROUGHPUT_UPGRADE",
        "max_daily_conversations_per_business": "TIER_UNLIMITED",
    }


async def test_a_customer_keeps_the_user_id_that_they_have_shown(whatsapp: WhatsApp, callback: Callback) -> None:
    await whatsapp.control.inbound(NUMBER, CUSTOMER, user_id="SA.7")

    _, silent = await whatsapp.send()
    await whatsapp.control.configure(answered_user_ids=True)
    _, answer = await whatsapp.send()
    await until(lambda: len(callback.statuses) == 6)

    assert "user_id" not in silent["contacts"][0]
    assert answer["contacts"][0]["user_id"] == "SA.7"
    assert {status["recipient_user_id"] for status in callback.statuses} == {"SA.7"}
