"""The message's path on FastStream's defaults, to compare with: `python -m bench.faststream_app PART URL ARGUMENT`.

It runs in a venv of its own (bench/requirements-faststream.txt) and imports nothing of the gateway. Three processes, as
a reader of FastStream's documentation would write them: `ingress` answers HTTP and asks `policy` by request and reply,
`policy` checks the fields and asks `sender`, which calls WhatsApp. ARGUMENT is ingress' port, and sender's URL of
WhatsApp. Its defaults are classic queues that do not survive the broker, and messages that are not persistent. There is
no store: no limit, no window, no opt-out, no protection from sending twice, no record.
"""

import asyncio
import sys
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any, Literal

import aiohttp
import uvicorn
import uvloop
from faststream import FastStream
from faststream.asgi import AsgiFastStream, AsgiResponse
from faststream.rabbit import RabbitBroker
from pydantic import BaseModel

POLICY, SENDER = "bench.faststream.policy", "bench.faststream.sender"
PATH = "/webhook"
TIMEOUT = 60.0
_NUMBER = "2000000000000"


class Reply(BaseModel):
    """An agent's reply, as 3CX posts it."""

    event_type: Literal["outbound_message"]
    to: str
    message_text: str
    message_purpose: Literal["support", "marketing"]
    agent_extension: str
    conversation_id: str


class Approved(BaseModel):
    """A message to send."""

    to: str
    text: str


class Answered(BaseModel):
    """What became of a reply."""

    status: Literal["sent", "blocked", "failed"]
    message_id: str | None = None


Scope = MutableMapping[str, Any]
Channel = Callable[..., Awaitable[Any]]


def ingress(url: str) -> Any:
    """The ASGI application that answers agents' replies."""
    broker = RabbitBroker(url)

    async def webhook(scope: Scope, receive: Channel, send: Channel) -> None:
        body, more = b"", True
        while more:
            part = await receive()
            body, more = body + part.get("body", b""), part.get("more_body", False)
        reply = Reply.model_validate_json(body)
        asked = await broker.request(reply, POLICY, timeout=TIMEOUT)
        answer = Answered.model_validate(await asked.decode())
        response = AsgiResponse(answer.model_dump_json().encode(), 200, {"content-type": "application/json"})
        await response(scope, receive, send)

    return AsgiFastStream(broker, asgi_routes=[(PATH, webhook)])


async def policy(url: str) -> None:
    """Check each reply, and have it sent."""
    broker = RabbitBroker(url)

    async def decide(reply: Reply) -> Answered:
        if not reply.to.startswith("+"):
            return Answered(status="blocked")
        approved = Approved(to=reply.to, text=reply.message_text)
        asked = await broker.request(approved, SENDER, timeout=TIMEOUT)
        return Answered.model_validate(await asked.decode())

    broker.subscriber(POLICY)(decide)
    await FastStream(broker).run()


async def sender(url: str, whatsapp_url: str) -> None:
    """Call WhatsApp for each message."""
    broker = RabbitBroker(url)
    async with aiohttp.ClientSession(headers={"Authorization": "Bearer EAAbench"}) as session:

        async def deliver(approved: Approved) -> Answered:
            text = {"body": approved.text, "preview_url": False}
            body = {"messaging_product": "whatsapp", "recipient_type": "individual", "to": approved.to, "type": "text"}
            async with session.post(f"{whatsapp_url}/v25.0/{_NUMBER}/messages", json=body | {"text": text}) as answer:
                found = await answer.json()
                if answer.status != 200:
                    return Answered(status="failed")
                return Answered(status="sent", message_id=found["messages"][0]["id"])

        broker.subscriber(SENDER)(deliver)
        await FastStream(broker).run()


def main(part: str, url: str, argument: str) -> None:
    """Run one part until killed."""
    if part == "ingress":
        uvicorn.run(ingress(url), host="127.0.0.1", port=int(argument), log_level="warning", access_log=False)
        return
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(policy(url) if part == "policy" else sender(url, argument))


if __name__ == "__main__":
    main(*sys.argv[1:])
