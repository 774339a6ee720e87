"""A desk in 3CX's chat, set up as an administrator does, and what happens at it."""

import itertools
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from tests.e2e.driver import MARK, Gateway, Integration
from tests.e2e.ledger_check import wait_until_drained
from tests.e2e.test_content import synced
from tests.e2e.waiting import eventually
from tools.simulator.threecx import SentMessage, SimulatedThreeCx, running_threecx

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
        try:
            yield desk
        finally:  # after a failure too: what is left for a 3CX that is gone would wait in the way of all later tests
            await wait_until_drained(gateway)  # a note of the last refusal has its 3CX to go to


async def has_lines(desk: Desk, count: int) -> bool:
    return len(desk.threecx.lines) >= count


async def asks_why(desk: Desk, customer: str, part: str) -> None:
    """Ask until the answer has `part`: a refusal is known to the chat a moment after its answer."""

    async def told() -> bool:
        await desk.agent_writes(customer, "/why")
        return await desk.threecx.wait_for_line(customer, part, seconds=0.5) is not None

    await eventually(told)


async def any_line(desk: Desk) -> bool:
    return bool(desk.threecx.lines)


async def tried(desk: Desk) -> bool:
    return bool(desk.threecx.posts)


REOPEN = {
    "id": "1",
    "name": "order_ready",
    "status": "APPROVED",
    "category": "UTILITY",
    "language": "de",
    "components": [{"type": "BODY", "text": "Hallo {{1}}, Ihre Bestellung ist da."}],
}
SHOWN = REOPEN | {
    "name": "bill",
    "language": "en",
    "components": [{"type": "HEADER", "format": "DOCUMENT"}, {"type": "BODY", "text": "Bill {{1}}"}],
}


async def a_customer_without_a_phone(desk: Desk) -> tuple[str, str]:
    """The user id, and the number under which the chat shows the customer."""
    user_id = f"SA.{desk.threecx.port}{desk.threecx.main_number[1:]}"
    await desk.gateway.whatsapp.inbound(desk.integration.number, None, ASKED, user_id=user_id)
    await eventually(lambda: any_line(desk))
    return user_id, desk.threecx.lines[0].customer


async def with_templates(gateway: Gateway, desk: Desk, *templates: dict[str, Any]) -> None:
    """The templates of the desk's number are known; WhatsApp's first post names the business account that has them."""
    await desk.customer_writes()
    await gateway.whatsapp.set_templates(desk.integration.number, *templates)
    await synced(gateway, desk.integration, len(templates))
