"""The demo's scenes in 3CX's own chat: a customer and an agent, seen from the agent's desk."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

from tools.demo.client import Answer, DemoClient, Integration
from tools.simulator.threecx import SentMessage, SimulatedThreeCx, running_threecx

MAIN_NUMBER, CUSTOMER, LATE, NEW = "+4930123456", "+966512345701", "+966512345702", "+966512345703"
TEMPLATE = {
    "id": "1",
    "name": "order_ready",
    "status": "APPROVED",
    "category": "UTILITY",
    "language": "en",
    "components": [{"type": "BODY", "text": "Hello {{1}}, your order is ready."}],
}
TEMPLATE_SECONDS = 30.0
USER_ID = "SA.7d3f0a1b2c4e5f60"
PICTURE = b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR\x00\x00\x00\x01\x00\x00\x00\x01\x08\x02\x00\x00\x00"
"""The beginning of a picture of one pixel, which is all that tells its type."""
UNKNOWN_MEDIA = 100
"""Meta's code for a file that it does not have (any more)."""
Step = tuple[str, str, Answer]
"""A description, the expected result, and what happened."""


async def chat_steps(client: DemoClient) -> AsyncIterator[Step]:
    """A customer writes, the agent answers, is refused after a day, sends a template, and gets a picture."""
    async with running_threecx(MAIN_NUMBER) as threecx:
        shop = await client.create_integration("Chat")
        made = await client.api("GET", f"/integrations/{shop.id}")
        numbers = {MAIN_NUMBER: made["instance_id"]}
        chat = {"chat_enabled": True, "chat_commands": True, "chat_numbers": numbers, "chat_repeat_seconds": 0}
        await client.api("PATCH", f"/integrations/{shop.id}", chat | {"chat_webhook_url": threecx.webhook_url})
        threecx.api_key = (await client.api("POST", f"/integrations/{shop.id}/rotate-secret", {"which": "chat"}))[
            "secret"
        ]
        threecx.provider_url = f"{client.stack.ingress_url}/integrations/3cx/chat/{shop.id}"
        await client.whatsapp.set_templates(shop.number, TEMPLATE)

        await client.customer_writes(shop, CUSTOMER, "Is my order ready?")
        yield await _line("A customer's message in 3CX's chat", threecx, CUSTOMER, "Is my order ready?")
        yield _shown("The agent answers in the chat", "sent", await threecx.write(CUSTOMER, "Yes, come by."))
        yesterday = int((datetime.now(UTC) - timedelta(hours=25)).timestamp())
        await client.customer_writes(shop, LATE, "Anyone there?", timestamp=yesterday)
        late = await threecx.write(LATE, "Now we are.")
        yield _shown("The agent answers after 25 hours", "conversation_window_closed", late)
        yield await _line("The reason is noted in the chat", threecx, LATE, "the customer last wrote")
        refused = await _template(client, threecx, made["instance_id"], until="opt_in_required")
        yield _shown("The agent sends a template to somebody who agreed to nothing", "opt_in_required", refused)
        agreed = {"account_id": shop.account_id, "phone": NEW, "at": datetime.now(UTC).isoformat(), "origin": "till 3"}
        await client.api("POST", "/consents", agreed | {"wording_version": "2026-11", "evidence": "Yes, message me."})
        sent = await _template(client, threecx, made["instance_id"], until="sent")
        yield _shown("The customer's opt-in is recorded, and the agent sends the template", "sent", sent)
        unknown = await threecx.write(NEW, "/template order_redy en | Anna")
        yield _shown("The agent mistypes a template's name", "invalid_reference", unknown)
        file = await threecx.write(CUSTOMER, "Our offer", media_urls=["http://127.0.0.1:9/offer.pdf"])
        yield _shown("The agent sends a file that is not there", "invalid_media", file)
        threecx.files["offer.png"] = ("image/png", PICTURE)
        picture = await threecx.write(CUSTOMER, "Our offer", media_urls=[threecx.file_url("offer.png")])
        yield _shown("The agent sends a picture", "sent", picture)
        async for step in _picture(client, shop, threecx):
            yield step
        async for step in _contact_request(client, shop, threecx):
            yield step


async def _picture(client: DemoClient, shop: Integration, threecx: SimulatedThreeCx) -> AsyncIterator[Step]:
    """A customer sends a picture, which the agent opens by its link, until WhatsApp has forgotten it."""
    await client.customer_writes(shop, CUSTOMER, "Look", type="image")
    yield await _line("A picture arrives in the chat", threecx, CUSTOMER, "[picture] Look")
    picture = await threecx.wait_for_line(CUSTOMER, "[picture] Look")
    if picture is None or not picture.media:
        return  # without GATEWAY_MEDIA_URL there are no links
    opened = await threecx.open_link(picture.media[0])
    body = opened.body or {"success": True, "status": "opened", "reason": opened.headers.get("Content-Type")}
    yield "The agent opens the picture", "opened", Answer(opened.status, body)
    await client.whatsapp.configure(media={"code": UNKNOWN_MEDIA})
    forgotten = await threecx.open_link(picture.media[0])
    await client.whatsapp.configure(media={"code": None})
    yield _shown("The agent opens a picture that WhatsApp has forgotten", "media_expired", forgotten)


async def _contact_request(client: DemoClient, shop: Integration, threecx: SimulatedThreeCx) -> AsyncIterator[Step]:
    """A customer who hides the phone number has a number of the gateway's, and is asked for the own one, once."""
    known = {line.customer for line in threecx.lines}
    await client.customer_writes(shop, None, "Who are you?", user_id=USER_ID)
    line = await threecx.wait_for_new_customer(known)
    body = {"success": line is not None, "status": "shown" if line is not None else "nothing"}
    yield "A customer who hides the phone number writes", "shown", Answer(200, body)
    pseudo_number = "" if line is None else line.customer
    asked = await threecx.write(pseudo_number, "/contact May we have your number?")
    yield _shown("The agent asks for the phone number", "sent", asked)
    again = await threecx.write(pseudo_number, "/contact Your number, please")
    yield _shown("The agent asks again within 30 days", "sending_throttled", again)


async def _template(client: DemoClient, threecx: SimulatedThreeCx, instance_id: str, *, until: str) -> SentMessage:
    """Send it until that is the result: the gateway reads WhatsApp's list of templates, and the account's changes."""
    end = asyncio.get_running_loop().time() + TEMPLATE_SECONDS
    while True:
        await client.api("POST", "/templates/sync", {"instance_id": instance_id})
        sent = await threecx.write(NEW, "/template order_ready en | Anna")
        if until in (sent.body.get("status"), sent.body.get("error")) or asyncio.get_running_loop().time() > end:
            return sent
        await asyncio.sleep(1.0)


def _shown(description: str, expected: str, sent: SentMessage) -> Step:
    return description, expected, Answer(sent.status, sent.body, sent.headers)


async def _line(description: str, threecx: SimulatedThreeCx, customer: str, part: str) -> Step:
    line = await threecx.wait_for_line(customer, part)
    body: dict[str, Any] = {"success": line is not None, "status": "shown" if line is not None else "nothing"}
    return description, "shown", Answer(200, body)
