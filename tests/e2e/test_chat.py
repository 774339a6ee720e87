"""WhatsApp in 3CX's own chat: lines in, messages out, notes, commands and pseudo numbers, over two replicas."""

import asyncio
import itertools
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.e2e.driver import MARK, Gateway, Integration
from tests.e2e.ledger_check import wait_until_drained
from tests.e2e.test_content import PNG
from tests.e2e.test_evolution import a_shop
from tests.e2e.waiting import eventually
from tests.evolution_stub import StoredMedia, upsert
from tools.simulator.faults import Fault, FaultStep, Match
from tools.simulator.threecx import SentMessage, SimulatedThreeCx, running_threecx

pytestmark = pytest.mark.asyncio(loop_scope="session")

MAIN_NUMBERS: Iterator[str] = (f"+4930{number}" for number in itertools.count(1_000_000))
NOTE = "⚠ gateway: "
NEVER, BLOCKED = "the customer never wrote to this number", f"{NOTE}not sent, the customer is blocked"
ASKED, ANSWERED = f"Is my {MARK} ready?", f"Your {MARK} is ready."


@dataclass(frozen=True)
class Desk:
    """An integration with a chat, and the 3CX that it is in."""

    gateway: Gateway
    integration: Integration
    threecx: SimulatedThreeCx

    @property
    def path(self) -> str:
        return f"/integrations/3cx/chat/{self.integration.id}"

    async def customer_writes(self, customer: str | None = None, text: str = ASKED, **fields: Any) -> str:
        """A customer writes; the line is in the chat when this returns."""
        customer = customer or self.gateway.a_customer()
        await self.gateway.customers_write(self.integration, [customer], text=text, **fields)
        await self.sees(customer, text)
        return customer

    async def agent_writes(self, customer: str, text: str = ANSWERED, *, at: int | None = None) -> SentMessage:
        """An agent writes, by way of an ingress replica."""
        return await self.threecx.write(customer, text, url=self.gateway.url(self.path, at))

    async def sees(self, customer: str, part: str) -> str:
        line = await self.threecx.wait_for_line(customer, part)
        assert line is not None, (part, self.threecx.lines, self.threecx.refused)
        return line.text

    async def is_known(self) -> None:
        """Wait until every ingress replica knows the chat."""

        async def everywhere() -> bool:
            return all([(await self.agent_writes("", at=at)).status == 422 for at in (0, 1)])

        await eventually(everywhere)

    async def received_by(self, customer: str) -> list[str]:
        """The texts that WhatsApp took for a customer."""
        found = await self.gateway.whatsapp.messages(to=customer.removeprefix("+"))
        return [str(message.text) for message in found]


@asynccontextmanager
async def a_desk(gateway: Gateway, integration: Integration | None = None, **settings: Any) -> AsyncIterator[Desk]:
    """A chat that is set up as an administrator does."""
    async with running_threecx(next(MAIN_NUMBERS)) as threecx:
        integration = integration or await gateway.create_integration()
        one = f"/integrations/{integration.id}"
        chat = {"chat_enabled": True, "chat_numbers": {threecx.main_number: integration.instance_id}}
        await gateway.done("PATCH", one, chat | {"chat_webhook_url": threecx.webhook_url} | settings)
        rotated = await gateway.done("POST", f"{one}/rotate-secret", {"which": "chat"})
        threecx.api_key = rotated["secret"]
        gateway.seen_secrets.add("3cx-chat-url-token")
        threecx.provider_url = gateway.url(f"/integrations/3cx/chat/{integration.id}")
        desk = Desk(gateway, integration, threecx)
        await desk.is_known()
        yield desk
        await wait_until_drained(gateway)  # a note of the last refusal has its 3CX to go to


async def test_a_customer_writes_and_an_agent_answers_in_the_chat(gateway: Gateway) -> None:
    async with a_desk(gateway) as desk:
        customer = await desk.customer_writes()

        sent = await desk.agent_writes(customer)

        assert (sent.shown, sent.body["status"]) == ("sent", "sent")
        assert sent.body["data"]["id"] == sent.body["message_id"]
        assert await desk.received_by(customer) == [ANSWERED]
        assert desk.threecx.refused == []


async def test_several_lines_of_one_3cx_are_several_numbers(gateway: Gateway) -> None:
    async with a_desk(gateway) as desk:
        second = await gateway.done(
            "POST",
            f"/accounts/{desk.integration.account_id}/instances",
            {"provider": "cloud_api", "phone_number_id": f"2{desk.integration.number}", "access_token": "EAA-second"},
        )
        numbers = {"+4930999": desk.integration.instance_id, desk.threecx.main_number: second["id"]}
        await gateway.done("PATCH", f"/integrations/{desk.integration.id}", {"chat_numbers": numbers})
        gateway.integrations.remove(desk.integration)  # the ledger check looks at one number of each integration
        other = Integration(
            desk.integration.id, desk.integration.account_id, second["id"], f"2{desk.integration.number}", ""
        )
        customer = gateway.a_customer()

        async def shown() -> bool:  # policy's cache is some seconds old at most
            await gateway.customers_write(other, [customer], text=ASKED)
            return ASKED in desk.threecx.chat_with(customer)

        await eventually(shown)
        sent = await desk.agent_writes(customer)
        [message] = await gateway.whatsapp.messages(to=customer.removeprefix("+"))

        assert (sent.shown, message.phone_number_id) == ("sent", other.number)


async def test_every_kind_of_message_is_a_line(gateway: Gateway) -> None:
    shown = {
        "image": "[picture] Look",
        "button": "Look",
        "interactive": "Look",
        "reaction": "reacted Look",
        "location": "[location] Look, 24.7136, 46.6753",
        "contacts": "[contact] Look",
        "unsupported": "[a message that WhatsApp cannot show here]",
    }
    async with a_desk(gateway) as desk:
        customer = gateway.a_customer()
        for kind in shown:
            await gateway.customers_write(desk.integration, [customer], text="Look", type=kind)
        await eventually(lambda: has_lines(desk, len(shown)))
        lines = desk.threecx.chat_with(customer)

        for kind, text in shown.items():
            assert any(line == text or line.startswith(f"{text}\nhttp") for line in lines), kind


async def has_lines(desk: Desk, count: int) -> bool:
    return len(desk.threecx.lines) >= count


async def test_a_refusal_after_a_day_is_told_in_the_chat_once(gateway: Gateway) -> None:
    yesterday = int((datetime.now(UTC) - timedelta(hours=25)).timestamp())
    async with a_desk(gateway, chat_commands=True) as desk:
        customer = await desk.customer_writes(timestamp=yesterday)

        sent = await desk.agent_writes(customer)
        note = await desk.sees(customer, NOTE)

        assert (sent.shown, sent.status, sent.body["error"]) == ("failed", 409, "conversation_window_closed")
        assert sent.body["errors"][0]["code"] == "conversation_window_closed"
        assert note.startswith(f"{NOTE}not sent, the customer last wrote on ")
        assert "/template NAME" in note
        assert await desk.received_by(customer) == []
        await gateway.wait_for_records(2, integration_id=desk.integration.id, type="forward.delivered")
        assert len(desk.threecx.chat_with(customer)) == 2


async def test_notes_can_be_switched_off(gateway: Gateway) -> None:
    async with a_desk(gateway, chat_notes=False, chat_commands=True, chat_repeat_seconds=0) as desk:
        customer = gateway.a_customer()

        assert (await desk.agent_writes(customer)).body["error"] == "conversation_window_closed"
        await asks_why(desk, customer, "never wrote to this number")

        assert not any(text.endswith(NEVER) for text in desk.threecx.chat_with(customer))


async def asks_why(desk: Desk, customer: str, part: str) -> None:
    """Ask until the answer has `part`: a refusal is known to the chat a moment after its answer."""

    async def told() -> bool:
        await desk.agent_writes(customer, "/why")
        return await desk.threecx.wait_for_line(customer, part, seconds=0.5) is not None

    await eventually(told)


async def test_the_same_message_at_two_replicas_at_once_reaches_the_customer_once(gateway: Gateway) -> None:
    async with a_desk(gateway) as desk:
        customer = await desk.customer_writes()

        sent = await asyncio.gather(*(desk.agent_writes(customer, at=at % 2) for at in range(6)))

        assert {each.shown for each in sent} == {"sent"}
        assert len({each.body["event_id"] for each in sent}) == 1
        assert await desk.received_by(customer) == [ANSWERED]


async def test_a_late_failure_is_told_once(gateway: Gateway) -> None:
    async with a_desk(gateway) as desk:
        customer = await desk.customer_writes()
        sent = await desk.agent_writes(customer)
        await gateway.wait_for_records(integration_id=desk.integration.id, type="webhook.received")

        for _ in range(2):
            await gateway.whatsapp.status(sent.body["message_id"], "failed", code=131026)
        note = await desk.sees(customer, "was not delivered")
        await gateway.customers_write(desk.integration, [customer], text="and then?")
        await desk.sees(customer, "and then?")

        assert "undeliverable: not on WhatsApp" in note
        assert "131026" in note
        assert sum("was not delivered" in text for text in desk.threecx.chat_with(customer)) == 1


async def test_a_late_failure_of_a_message_from_elsewhere_is_not_told(gateway: Gateway) -> None:
    async with a_desk(gateway) as desk:
        customer = await desk.customer_writes()
        sent = await gateway.final_answer(desk.integration, await gateway.reply(desk.integration, customer))
        await gateway.wait_for_records(integration_id=desk.integration.id, type="webhook.received")

        await gateway.whatsapp.status(sent.body["message_id"], "failed", code=131026)
        await gateway.wait_for_records(account_id=desk.integration.account_id, type="message.status_updated")
        await gateway.customers_write(desk.integration, [customer], text="and then?")
        await desk.sees(customer, "and then?")

        assert desk.threecx.chat_with(customer) == [ASKED, "and then?"]


async def test_an_opt_out_is_noted(gateway: Gateway) -> None:
    async with a_desk(gateway) as desk:
        customer = await desk.customer_writes(text="STOP")

        assert await desk.sees(customer, "opted out") == f"{NOTE}the customer opted out: STOP"
        assert (await desk.agent_writes(customer)).body["error"] == "recipient_suppressed"


async def test_an_agent_stops_a_customer_and_asks_why(gateway: Gateway) -> None:
    async with a_desk(gateway, chat_commands=True, chat_repeat_seconds=0) as desk:
        customer = await desk.customer_writes()

        nothing = await desk.agent_writes(customer, "/why")
        stopped = await desk.agent_writes(customer, "/stop")
        refused = await desk.agent_writes(customer)
        await desk.sees(customer, "the customer is blocked and gets no more")
        await desk.sees(customer, "no message of this chat was refused")
        assert await desk.sees(customer, BLOCKED) == BLOCKED
        await asks_why(desk, customer, f"{BLOCKED} (")
        [row] = (await gateway.done("GET", "/suppressions", account_id=desk.integration.account_id, phone=customer))[
            "items"
        ]

        assert [each.shown for each in (nothing, stopped)] == ["sent"] * 2
        assert refused.body["error"] == "recipient_suppressed"
        assert (row["kind"], row["source"], row["reason"]) == ("blocked", "operator", "agent")
        assert await desk.received_by(customer) == []


async def test_a_mistyped_command_reaches_nobody(gateway: Gateway) -> None:
    async with a_desk(gateway, chat_commands=True) as desk:
        customer = await desk.customer_writes()

        sent = await desk.agent_writes(customer, "/tempalte reopen")

        assert (sent.shown, sent.body["error"]) == ("failed", "missing_message_text")
        assert "/template NAME" in await desk.sees(customer, "that is no command")
        assert await desk.received_by(customer) == []


async def test_a_customer_without_a_phone_has_a_pseudo_number_until_the_erasure(gateway: Gateway) -> None:
    async with a_desk(gateway) as desk:
        user_id = f"SA.{desk.threecx.port}{desk.threecx.main_number[1:]}"
        await gateway.whatsapp.inbound(desk.integration.number, None, ASKED, user_id=user_id)
        await eventually(lambda: any_line(desk))
        [line] = desk.threecx.lines

        answered = await desk.agent_writes(line.customer)
        await gateway.whatsapp.inbound(desk.integration.number, None, "Thank you", user_id=user_id)
        again = await desk.threecx.wait_for_line(line.customer, "Thank you")
        [message] = await gateway.whatsapp.messages(phone_number_id=desk.integration.number)
        stranger = await desk.agent_writes("+99900000000000")
        about = {"account_id": desk.integration.account_id, "user_id": user_id, "reason": "asked"}
        export = await gateway.done("POST", "/subject-exports", about)
        await gateway.done("POST", "/erasures", about)
        gone = await desk.agent_writes(line.customer, "Are you there?")
        gateway.integrations.remove(desk.integration)  # the ledger check compares message ids, and one was erased

        assert line.customer.startswith("+999")
        assert len(line.customer) == 15
        assert (answered.shown, message.to) == ("sent", user_id)
        assert again is not None
        assert export["chat_numbers"] == [{"integration_id": desk.integration.id, "number": line.customer}]
        for refused in (stranger, gone):
            assert (refused.status, refused.body["error"]) == (422, "missing_phone")
            assert refused.body["details"]["field"] == "to"


async def any_line(desk: Desk) -> bool:
    return bool(desk.threecx.lines)


REFUSED: dict[str, tuple[dict[str, Any], str, str | None]] = {
    "an unknown main number": ({"from": "+4930999999"}, "missing_phone", "from"),
    "no main number": ({"from": None}, "missing_phone", "from"),
    "no plus": ({"to": "966512345678"}, "missing_phone", "to"),
    "a national number": ({"to": "0512345678"}, "missing_phone", "to"),
    "an extension": ({"to": "101"}, "missing_phone", "to"),
    "nobody": ({"to": None}, "missing_phone", "to"),
    "an unknown pseudo number": ({"to": "+99912345678901"}, "missing_phone", "to"),
    "an empty text": ({"text": ""}, "missing_message_text", None),
    "white space": ({"text": " \n\t "}, "missing_message_text", None),
    "control characters alone": ({"text": "\x00\x07\x1b"}, "missing_message_text", None),
    "no text": ({"text": None}, "missing_message_text", None),
    "4,097 characters": ({"text": "a" * 4097}, "message_text_too_long", None),
}


async def test_what_cannot_be_sent_is_refused_with_the_field(gateway: Gateway) -> None:
    async with a_desk(gateway) as desk:
        customer = await desk.customer_writes()
        desk.threecx.other_main_numbers.add("+4930999999")  # a trunk that the gateway does not know
        for name, (change, code, field) in REFUSED.items():
            body = {"from": desk.threecx.main_number, "to": customer, "text": ANSWERED} | change
            sent = await desk.threecx.post(body)

            assert (sent.shown, sent.status, sent.body.get("error")) == ("failed", 422, code), (name, sent)
            assert field is None or sent.body["details"]["field"] == field, name
        own = await desk.threecx.post(
            {"from": desk.threecx.main_number, "to": desk.threecx.main_number, "text": ANSWERED}
        )

        assert (own.status, own.body["error"], own.body["details"]["field"]) == (422, "missing_phone", "to")
        assert await desk.received_by(customer) == []


async def test_a_webhook_of_3cx_that_is_away_gets_the_line_later_under_the_same_id(gateway: Gateway) -> None:
    async with a_desk(gateway) as desk:
        desk.threecx.status = 503
        customer = gateway.a_customer()
        await gateway.customers_write(desk.integration, [customer], text=ASKED)
        await eventually(lambda: tried(desk))
        desk.threecx.status = 200

        line = await desk.threecx.wait_for_line(customer, ASKED, seconds=60)

        assert line is not None
        assert {post["data"]["id"] for post in desk.threecx.posts} == {line.id}
        assert len({str(post) for post in desk.threecx.posts}) == 1


async def tried(desk: Desk) -> bool:
    return bool(desk.threecx.posts)


async def test_a_test_of_the_chat_says_what_came_back_and_is_not_repeated(gateway: Gateway) -> None:
    async with a_desk(gateway) as desk:
        path = f"/integrations/{desk.integration.id}/chat-test"

        async def ended(status: int) -> dict[str, Any]:
            desk.threecx.status = status
            posted = await gateway.done("POST", path, {})

            async def known() -> dict[str, Any]:
                answer = await gateway.api("GET", f"/forwards/{posted['forward_id']}")
                return answer.body if answer.body.get("status") in {"delivered", "failed"} else {}

            return await eventually(known)

        refused, redirected, taken = await ended(500), await ended(302), await ended(200)

        assert (refused["status"], refused["last_status"], refused["tries"]) == ("failed", 500, 1)
        assert (redirected["status"], redirected["last_error"]) == ("failed", "redirect")
        assert (taken["status"], taken["last_status"]) == ("delivered", 200)
        assert [line.text.split(":")[0] for line in desk.threecx.lines] == ["Test of the WhatsApp gateway"]
        letters = await gateway.done("GET", "/dead-letters", account_id=desk.integration.account_id)
        assert letters["items"] == []


async def test_what_3cx_must_not_know_is_on_no_page_and_in_no_record(gateway: Gateway) -> None:
    async with a_desk(gateway) as desk:
        customer = await desk.customer_writes()
        await desk.agent_writes(customer)

        shown = await gateway.done("GET", f"/integrations/{desk.integration.id}")
        records = await gateway.wait_for_records(account_id=desk.integration.account_id, type="integration.changed")

        assert shown["chat_webhook_url"] == "http://127.0.0.1/…"
        assert "chat_keys" not in shown
        for hidden in ("3cx-chat-url-token", desk.threecx.api_key, customer, ANSWERED):
            assert hidden not in str(records)
            assert hidden not in str(await gateway.records(account_id=desk.integration.account_id))


REOPEN = {
    "id": "1",
    "name": "order_ready",
    "status": "APPROVED",
    "category": "UTILITY",
    "language": "de",
    "components": [{"type": "BODY", "text": "Hallo {{1}}, Ihre Bestellung ist da."}],
}


async def test_a_template_is_sent_from_the_chat_to_somebody_who_never_wrote(gateway: Gateway) -> None:
    async with a_desk(gateway, chat_commands=True, chat_repeat_seconds=0) as desk:
        await desk.customer_writes()  # WhatsApp's first post names the business account, whose templates they are
        customer, number = gateway.a_customer(), {"instance_id": desk.integration.instance_id}
        await gateway.whatsapp.set_templates(desk.integration.number, REOPEN)

        async def sent() -> bool:
            await gateway.done("POST", "/templates/sync", number)
            return (await desk.agent_writes(customer, "/template order_ready de | Anna")).shown == "sent"

        await eventually(sent, seconds=30.0, pause=1.0)
        [message] = await gateway.whatsapp.messages(to=customer.removeprefix("+"))
        unknown = await desk.agent_writes(customer, "/template order_redy de | Anna")

        assert message.type == "template"
        assert (unknown.shown, unknown.status) == ("failed", 422)
        await desk.sees(customer, NOTE)


async def test_a_picture_comes_with_a_link_that_opens_it(gateway: Gateway) -> None:
    async with a_desk(gateway) as desk:
        customer = gateway.a_customer()
        await gateway.customers_write(desk.integration, [customer], text="Look", type="image")

        line = await desk.threecx.wait_for_line(customer, "[picture] Look")

        assert line is not None
        assert line.media
        assert line.media[0] in line.text


async def test_an_agent_opens_the_picture_and_sends_one_back(gateway: Gateway) -> None:
    async with a_desk(gateway) as desk:
        customer = gateway.a_customer()
        await gateway.customers_write(desk.integration, [customer], text="Look", type="image")
        line = await desk.threecx.wait_for_line(customer, "[picture] Look")
        assert line is not None
        desk.threecx.files["offer.png"] = ("image/png", PNG)

        opened = await desk.threecx.open_link(line.media[0])
        sent = await desk.threecx.write(customer, "Our offer", media_urls=[desk.threecx.file_url("offer.png")])
        [message] = await gateway.whatsapp.messages(to=customer.removeprefix("+"))

        assert (opened.status, opened.headers["Content-Type"]) == (200, "image/jpeg")
        assert (sent.shown, message.type, message.content["image"]["caption"]) == ("sent", "image", "Our offer")


async def test_a_number_on_an_evolution_server_has_the_same_chat(gateway: Gateway) -> None:
    async with a_shop(gateway) as shop, a_desk(gateway, shop.integration) as desk:
        customer = gateway.a_customer()
        assert await shop.customer_writes(customer, ASKED, f"3A{customer[1:]}") == 200
        await desk.sees(customer, ASKED)

        sent = await desk.agent_writes(customer)

        assert (sent.shown, sent.body["status"]) == ("sent", "sent")
        assert [line.main_number for line in desk.threecx.lines] == [desk.threecx.main_number]


async def a_customer_without_a_phone(desk: Desk) -> tuple[str, str]:
    """The user id, and the number under which the chat shows the customer."""
    user_id = f"SA.{desk.threecx.port}{desk.threecx.main_number[1:]}"
    await desk.gateway.whatsapp.inbound(desk.integration.number, None, ASKED, user_id=user_id)
    await eventually(lambda: any_line(desk))
    return user_id, desk.threecx.lines[0].customer


async def test_an_agent_asks_for_the_phone_number_and_the_chat_goes_on_under_it(gateway: Gateway) -> None:
    async with a_desk(gateway, chat_commands=True, chat_repeat_seconds=0) as desk:
        user_id, pseudo_number = await a_customer_without_a_phone(desk)
        phone = gateway.a_customer()

        asked = await desk.agent_writes(pseudo_number, "/contact May we have your number?")
        contact = {"origin": "contact_request", "phones": [{"phone": phone, "wa_id": phone.removeprefix("+")}]}
        await gateway.whatsapp.inbound(
            desk.integration.number, None, user_id=user_id, type="contacts", raw={"contacts": [contact]}
        )
        await gateway.wait_for_records(account_id=desk.integration.account_id, type="whatsapp.identity_changed")

        async def known() -> bool:
            await gateway.whatsapp.inbound(desk.integration.number, None, "Here I am", user_id=user_id)
            return "Here I am" in desk.threecx.chat_with(phone)

        await eventually(known, pause=0.3)
        answered = await desk.agent_writes(phone)
        [question, _] = await gateway.whatsapp.messages(phone_number_id=desk.integration.number)

        assert (asked.shown, answered.shown) == ("sent", "sent")
        assert (question.type, question.to) == ("interactive", user_id)
        assert question.content["interactive"]["type"] == "request_contact_info"
        assert question.content["interactive"]["body"] == {"text": "May we have your number?"}


async def test_a_customer_is_asked_for_the_phone_number_once_in_thirty_days_whichever_replica_is_asked(
    gateway: Gateway,
) -> None:
    async with a_desk(gateway, chat_commands=True, chat_repeat_seconds=0) as desk:
        user_id, pseudo_number = await a_customer_without_a_phone(desk)
        words = [f"/contact Your number, please ({number})" for number in range(4)]

        asked = await asyncio.gather(*(desk.agent_writes(pseudo_number, text) for text in words))
        note = await desk.sees(pseudo_number, "asked for the phone number lately")
        sent = await gateway.whatsapp.messages(to=user_id)

        assert sorted(each.shown for each in asked) == ["failed"] * 3 + ["sent"]
        assert {each.body["error"] for each in asked if each.shown == "failed"} == {"sending_throttled"}
        assert note.startswith(f"{NOTE}not sent, the customer was asked")
        assert [message.type for message in sent] == ["interactive"]


async def test_a_request_that_whatsapp_refuses_may_be_made_again(gateway: Gateway) -> None:
    async with a_desk(gateway, chat_commands=True, chat_repeat_seconds=0) as desk:
        _, pseudo_number = await a_customer_without_a_phone(desk)
        match = Match(phone_number_id=desk.integration.number, times=1)
        await gateway.whatsapp.script(FaultStep(match=match, fault=Fault(kind="error", code=131009)))

        refused = await desk.agent_writes(pseudo_number, "/contact Your number, please")
        asked = await desk.agent_writes(pseudo_number, "/contact Your number, please")

        assert (refused.body["error"], asked.shown) == ("gateway_send_failed", "sent")


async def test_an_evolution_server_cannot_ask_for_the_phone_number_and_the_agent_is_told(gateway: Gateway) -> None:
    async with a_shop(gateway) as shop, a_desk(gateway, shop.integration, chat_commands=True) as desk:
        customer = gateway.a_customer()
        assert await shop.customer_writes(customer, ASKED, f"3A{customer[1:]}") == 200
        await desk.sees(customer, ASKED)

        asked = await desk.agent_writes(customer, "/contact Your number, please")

        assert (asked.shown, asked.body["error"]) == ("failed", "gateway_send_failed")
        await desk.sees(customer, f"{NOTE}not sent")
        assert shop.server.sent == []


async def test_an_evolution_servers_chat_has_pictures_templates_and_the_same_window(gateway: Gateway) -> None:
    yesterday = int((datetime.now(UTC) - timedelta(hours=25)).timestamp())
    async with a_shop(gateway) as shop, a_desk(gateway, shop.integration, chat_commands=True) as desk:
        customer, late = gateway.a_customer(), gateway.a_customer()
        await gateway.done("PATCH", f"/accounts/{shop.integration.account_id}", {"require_opt_in": False})
        shop.server.media["3AFILE"] = StoredMedia(PNG, "image/png")
        shop.server.templates = [REOPEN]
        for who, at, key in ((customer, int(datetime.now(UTC).timestamp()), "3AFILE"), (late, yesterday, "3ALATE")):
            message = {"imageMessage": {"mimetype": "image/png", "caption": "Look"}}
            data = upsert(key, f"{who[1:]}@s.whatsapp.net", message=message, messageType="imageMessage")
            assert await shop.tells("messages.upsert", data | {"messageTimestamp": at}) == 200
        line = await desk.threecx.wait_for_line(customer, "[picture] Look")
        assert line is not None
        await desk.sees(late, "[picture] Look")
        desk.threecx.files["offer.png"] = ("image/png", PNG)

        opened = await desk.threecx.open_link(line.media[0])
        sent = await desk.threecx.write(customer, "Our offer", media_urls=[desk.threecx.file_url("offer.png")])
        refused = await desk.agent_writes(late)

        async def reopened() -> bool:
            await gateway.done("POST", "/templates/sync", {"instance_id": shop.integration.instance_id})
            return (await desk.agent_writes(late, "/template order_ready de | Anna")).shown == "sent"

        await eventually(reopened, seconds=30.0, pause=4.0)
        assert (opened.status, opened.headers["Content-Type"], sent.shown) == (200, "image/png", "sent")
        assert (refused.shown, refused.body["error"]) == ("failed", "conversation_window_closed")
        await desk.sees(late, f"{NOTE}not sent, the customer last wrote")
        assert [each.call for each in shop.server.sent] == ["sendMedia", "sendTemplate"]
