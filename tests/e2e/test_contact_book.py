"""An erasure deletes the person from WhatsApp's contact book too, on any replica and however often that fails."""

from secrets import token_hex
from typing import Any

import pytest

from tests.e2e.driver import Gateway, Integration
from tests.e2e.test_evolution import a_shop
from tests.e2e.waiting import eventually
from tools.simulator.faults import Fault, FaultStep, Match

pytestmark = pytest.mark.asyncio(loop_scope="session")


async def a_person(gateway: Gateway, integration: Integration, **names: Any) -> str:
    """The user id of somebody who wrote."""
    user_id = f"SA.{token_hex(8)}1"
    await gateway.whatsapp.inbound(integration.number, names.get("phone"), user_id=user_id)
    await gateway.wait_for_records(account_id=integration.account_id, type="whatsapp.message_received")
    return user_id


async def erased(gateway: Gateway, integration: Integration, **who: str) -> dict[str, Any]:
    gateway.integrations.remove(integration)  # the ledger check compares message ids, and these are erased
    return await gateway.done("POST", "/erasures", {"account_id": integration.account_id, "reason": "asked", **who})


async def test_the_answer_to_an_erasure_says_that_whatsapps_contact_book_forgot_the_person(gateway: Gateway) -> None:
    integration = await gateway.create_integration()
    user_id = await a_person(gateway, integration)

    answer = await erased(gateway, integration, user_id=user_id)

    deleted = {"number_id": integration.instance_id, "status": "deleted", "tries": 1, "problem": None}
    assert answer["contact_book"] == [deleted]
    assert (integration.number, user_id) in await gateway.whatsapp.contact_book_deletions()
    [record] = await gateway.wait_for_records(account_id=integration.account_id, type="contact_book.deletion_ended")
    assert record["details"]["outcome"] == "deleted"
    assert user_id not in str(record)
    again = await gateway.done("GET", f"/erasures/{answer['id']}/contact-book")
    assert again["items"] == [deleted]


async def test_a_person_who_is_erased_by_phone_is_deleted_under_the_user_id(gateway: Gateway) -> None:
    integration = await gateway.create_integration()
    phone = gateway.a_customer()
    user_id = await a_person(gateway, integration, phone=phone)

    async def known() -> bool:
        about = {"account_id": integration.account_id, "phone": phone, "reason": "asked"}
        return bool((await gateway.done("POST", "/subject-exports", about))["addresses"])

    await eventually(known)
    answer = await erased(gateway, integration, phone=phone)

    assert [each["status"] for each in answer["contact_book"]] == ["deleted"]
    assert (integration.number, user_id) in await gateway.whatsapp.contact_book_deletions()


async def test_a_deletion_that_whatsapp_refuses_is_pending_and_does_not_hold_up_the_erasure(gateway: Gateway) -> None:
    integration = await gateway.create_integration()
    user_id = await a_person(gateway, integration)
    match = Match(phone_number_id=integration.number, kind="contact_book", times=1)
    await gateway.whatsapp.script(FaultStep(match=match, fault=Fault(kind="error", code=131000)))
    try:
        answer = await erased(gateway, integration, user_id=user_id)
    finally:
        await gateway.whatsapp.clear_script()

    assert answer["status"] == "finished"
    assert [each["status"] for each in answer["contact_book"]] == ["pending"]
    assert answer["contact_book"][0]["problem"] == "refused_131000"


async def test_a_person_without_a_user_id_and_one_on_an_evolution_server_are_in_no_contact_book(
    gateway: Gateway,
) -> None:
    integration = await gateway.create_integration()
    customer = await gateway.a_customer_who_wrote(integration)
    assert (await erased(gateway, integration, phone=customer))["contact_book"] == []

    async with a_shop(gateway) as shop:
        customer = await shop.a_customer_who_wrote()
        about = {"account_id": shop.integration.account_id, "phone": customer, "reason": "asked"}
        assert (await gateway.done("POST", "/erasures", about))["contact_book"] == []
