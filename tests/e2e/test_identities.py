"""What holds for one of a customer's names holds for the other one, from WhatsApp's answer on."""

from secrets import token_hex

import pytest

from tests.e2e.driver import MARK, Gateway, Integration
from tests.e2e.waiting import eventually
from tools.simulator.identity_payloads import IdentityChange
from tools.simulator.webhook_payloads import Inbound

pytestmark = pytest.mark.asyncio(loop_scope="session")

REOPEN = {"name": "reopen", "language": "en", "parameters": ["business_name"]}


async def sent_to(gateway: Gateway, integration: Integration) -> list[str | None]:
    return [message.to for message in await gateway.whatsapp.messages(phone_number_id=integration.number)]


async def test_window_and_opt_out_hold_for_the_number_that_was_sent_to_and_the_one_in_whatsapps_answer(
    gateway: Gateway,
) -> None:
    """The two numbers differ by no rule that the gateway has: only WhatsApp's answer says that they are one account."""
    integration = await gateway.create_integration(strict_window=False, window_template=REOPEN)
    written = gateway.a_customer()
    known = written.replace("+96651", "+96656")
    await gateway.whatsapp.configure(wa_ids={written.removeprefix("+"): known.removeprefix("+")})
    await gateway.customers_write(integration, [known])

    first = await gateway.final_answer(integration, await gateway.reply(integration, written))
    linked = await gateway.wait_for_records(1, account_id=integration.account_id, type="whatsapp.identity_linked")

    async def in_the_window() -> bool:
        answer = await gateway.final_answer(integration, await gateway.reply(integration, written))
        return answer.result == "sent" and answer.details.get("delivery") != "template"

    assert first.details["delivery"] == "template"
    assert await eventually(in_the_window, pause=0.2)
    recipients = await sent_to(gateway, integration)
    assert recipients[0] == written.removeprefix("+")
    assert recipients[-1] == known.removeprefix("+")
    assert all(written.removeprefix("+") not in str(record) for record in linked)

    await gateway.customers_write(integration, [known], "STOP")
    refused = await gateway.reply(integration, written, f"{MARK} again")

    assert (refused.status, refused.result) == (403, "recipient_suppressed")


async def test_a_new_user_id_without_a_known_previous_one_is_held_until_an_operator_lifts_it(gateway: Gateway) -> None:
    integration = await gateway.create_integration(strict_window=False, window_template=REOPEN)
    unknown, new = f"SA.{token_hex(8)}", f"SA.{token_hex(8)}"
    change = IdentityChange(
        phone_number_id=integration.number, kind="user_changed_user_id", user_id=unknown, new_user_id=new
    )

    await gateway.whatsapp.change_identity(change)
    [added] = await gateway.wait_for_records(1, account_id=integration.account_id, type="restriction.added")
    refused = await gateway.final_answer(integration, await gateway.reply(integration, new))
    await gateway.done(
        "DELETE", f"/restrictions/{added['details']['restriction_id']}", reason="They told us by telephone"
    )
    lifted = await gateway.final_answer(integration, await gateway.reply(integration, new))

    assert (added["details"]["scope"], added["details"]["kind"]) == ("pair", "identity_changed")
    assert (refused.status, refused.result, refused.details["reason"]) == (403, "policy_violation", "identity_changed")
    assert lifted.result == "sent"
    assert new not in str(added)


@pytest.mark.parametrize(("origin", "result"), [("contact_request", "sent"), ("other", "conversation_window_closed")])
async def test_a_customer_who_shares_the_phone_on_request_is_one_person_and_no_other_contact_is(
    gateway: Gateway, origin: str, result: str
) -> None:
    integration = await gateway.create_integration()
    phone, user_id = gateway.a_customer(), f"SA.{token_hex(8)}"
    contact = {"origin": origin, "phones": [{"phone": phone, "wa_id": phone.removeprefix("+")}]}
    inbound = {"phone_number_id": integration.number, "user_id": user_id, "type": "contacts"}
    await gateway.whatsapp.write(Inbound.model_validate(inbound | {"raw": {"contacts": [contact]}}))

    async def reachable() -> bool:
        by_user_id = {
            "event_type": "outbound_message",
            "user_id": user_id,
            "message_text": MARK,
            "message_purpose": "support",
        }
        return (await gateway.final_answer(integration, await gateway.post(integration, by_user_id))).result == "sent"

    assert await eventually(reachable, pause=0.2)

    async def answered() -> bool:
        answer = await gateway.final_answer(integration, await gateway.reply(integration, phone))
        return answer.result == result

    assert await eventually(answered, pause=0.5)
