"""`SimulatorClient`: the control API as typed calls, for tests and the demo. Each method is one HTTP request."""

import asyncio
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Literal, Self, TypedDict, Unpack

import aiohttp
import orjson
from pydantic import BaseModel

from tools.simulator.account_payloads import AccountUpdate, Topic
from tools.simulator.call_payloads import Call
from tools.simulator.control_requests import InboundBatch, RawWebhook, StatusRequest
from tools.simulator.faults import FaultStep
from tools.simulator.history import AcceptedMessage, ReceivedRequest
from tools.simulator.identity_payloads import IdentityChange
from tools.simulator.restrictions import Restriction
from tools.simulator.status_payloads import StatusName
from tools.simulator.webhook_payloads import Inbound, Shape
from tools.simulator.webhook_sender import Signature


class SimulatorError(Exception):
    """The simulator rejected a control request; the text is its answer."""


class HistoryQuery(TypedDict, total=False):
    """The fields of `tools.simulator.history.HistoryFilter`."""

    to: str
    callback: str
    phone_number_id: str
    since: float
    after: int
    limit: int


@dataclass(frozen=True, slots=True)
class WebhookResult:
    """The HTTP statuses of a webhook's first tries (0: no answer), and the ids of its messages."""

    answers: tuple[int, ...]
    wamids: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Stats:
    """Counts since the start or the last reset."""

    requests: int
    accepted: int
    kept: int
    outcomes: dict[str, int] = field(default_factory=dict)
    webhooks: dict[str, int] = field(default_factory=dict)


class SimulatorClient:
    """Use as `async with SimulatorClient(base_url) as whatsapp:`; raises SimulatorError for rejected requests."""

    def __init__(self, base_url: str) -> None:
        self.base_url = base_url.rstrip("/")
        self._session: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Close the connections; the client may be used again afterwards."""
        if self._session is not None:
            await self._session.close()
            self._session = None

    async def write(
        self, *inbounds: Inbound, shape: Shape = "changes", times: int = 1, retry: bool = True
    ) -> WebhookResult:
        """Post one webhook with these customers' messages, `times` times."""
        return await self._post("inbound", InboundBatch(messages=inbounds, shape=shape, times=times, retry=retry))

    async def inbound(self, phone_number_id: str, sender: str | None, text: str = "Hello", **fields: Any) -> str:
        """Post one customer's message; returns its wamid. `fields` are those of `Inbound`."""
        message = Inbound.model_validate({"phone_number_id": phone_number_id, "sender": sender, "text": text} | fields)
        return (await self.write(message)).wamids[0]

    async def webhook(
        self,
        payload: Any = None,
        *,
        body: str | None = None,
        signature: Signature = "valid",
        times: int = 1,
        retry: bool = True,
    ) -> WebhookResult:
        """Sign and post any payload, or exactly `body`."""
        request = RawWebhook(payload=payload, body=body, signature=signature, times=times, retry=retry)
        return await self._post("webhook", request)

    async def status(
        self, wamid: str, status: StatusName, *, code: int | None = None, timestamp: int | None = None
    ) -> WebhookResult:
        """Report a status of an accepted message, with an error where `code` is given."""
        return await self._post("status", StatusRequest(id=wamid, status=status, code=code, timestamp=timestamp))

    async def call(self, phone_number_id: str, sender: str | None = None, **fields: Any) -> str:
        """Report a call on WhatsApp; returns its id, which joins `connect` and `terminate`. Takes fields of `Call`."""
        call = Call.model_validate({"phone_number_id": phone_number_id, "sender": sender} | fields)
        return str((await self._call("POST", "call", call.model_dump()))["id"])

    async def change_identity(self, change: IdentityChange) -> WebhookResult:
        """Report a customer's new phone number or new user id."""
        return await self._post("identity", change)

    async def update_account(self, topic: Topic, event: str = "", **fields: Any) -> WebhookResult:
        """Post a webhook about a business account, a number or a template; `fields` are those of `AccountUpdate`."""
        return await self._post("account", AccountUpdate.model_validate({"topic": topic, "event": event} | fields))

    async def restrict(
        self, code: int, *, by: Literal["answer", "status", "webhook"] = "answer", **fields: Any
    ) -> WebhookResult:
        """Impose a restriction until `lift_restrictions`; `fields` are those of `Restriction`."""
        return await self._post("restrictions", Restriction.model_validate({"code": code, "by": by} | fields))

    async def lift_restrictions(self) -> WebhookResult:
        """End all restrictions; the ends of those told by webhook are told too."""
        return WebhookResult(tuple((await self._call("DELETE", "restrictions"))["answers"]))

    async def verify(self, verify_token: str) -> bool:
        """True when the webhook answers Meta's handshake correctly."""
        return bool((await self._call("POST", "verify", {"verify_token": verify_token}))["verified"])

    async def script(self, *steps: FaultStep, append: bool = False) -> None:
        """Replace the fault script, or append to it."""
        body = {"steps": [step.model_dump() for step in steps], "append": append}
        await self._call("POST", "script", body)

    async def fired(self) -> list[int]:
        """How often each step of the script has fired."""
        return list((await self._call("GET", "script"))["fired"])

    async def clear_script(self) -> None:
        """Remove the script, and drop hanging requests."""
        await self._call("DELETE", "script")

    async def messages(self, **filters: Unpack[HistoryQuery]) -> list[AcceptedMessage]:
        """Accepted messages in their order."""
        answer = await self._call("GET", "messages", query=filters)
        return [AcceptedMessage(**each) for each in answer["messages"]]

    async def requests(self, **filters: Unpack[HistoryQuery]) -> list[ReceivedRequest]:
        """All requests in their order, including refused ones; their `at` shows the rate of retries."""
        answer = await self._call("GET", "requests", query=filters)
        return [ReceivedRequest(**each) for each in answer["requests"]]

    async def set_templates(self, phone_number_id: str, *templates: dict[str, Any]) -> None:
        """Give the number's business account these templates, in Meta's form, in place of those it had."""
        await self._call("POST", "templates", {"phone_number_id": phone_number_id, "templates": templates})

    async def uploads(self) -> dict[str, dict[str, Any]]:
        """The uploaded files by id: number, MIME type, bytes and SHA-256."""
        return dict((await self._call("GET", "uploads"))["uploads"])

    async def contact_book_deletions(self) -> list[tuple[str, str]]:
        """What was deleted from contact books: number and user id, in order."""
        return [(number, user_id) for number, user_id in (await self._call("GET", "contact_book"))["deleted"]]

    async def stats(self) -> Stats:
        """All counts."""
        return Stats(**await self._call("GET", "stats"))

    async def reset(self) -> None:
        """Return to the initial state."""
        await self._call("POST", "reset")

    async def configure(self, **changes: Any) -> dict[str, Any]:
        """Change fields of `Behaviour`, such as `statuses={"modes": ["reversed"]}`; returns the whole behaviour."""
        return await self._call("POST", "config", changes)

    async def wait_for_messages(self, count: int, *, timeout: float = 10.0) -> list[AcceptedMessage]:
        """The messages when at least `count` were accepted. Raises TimeoutError after `timeout` seconds."""
        async with asyncio.timeout(timeout):
            while (await self.stats()).accepted < count:  # noqa: ASYNC110  # the event is in another process
                await asyncio.sleep(0.02)
        return await self.messages()

    async def _post(self, call: str, body: BaseModel) -> WebhookResult:
        answer = await self._call("POST", call, body.model_dump())
        return WebhookResult(tuple(answer["answers"]), tuple(answer.get("wamids", ())))

    async def _call(
        self, method: str, call: str, content: Any = None, *, query: HistoryQuery | None = None
    ) -> dict[str, Any]:
        if self._session is None:
            self._session = aiohttp.ClientSession()
        params = {key: str(value) for key, value in (query or {}).items() if value is not None}
        body = None if content is None else orjson.dumps(content)
        url = f"{self.base_url}/_control/{call}"
        async with self._session.request(method, url, params=params, data=body) as response:
            answer = await response.read()
            if response.status != 200:
                raise SimulatorError(f"{call}: {response.status} {answer.decode(errors='replace')}")
            return dict(orjson.loads(answer))
