"""The control API as typed calls, for tests and the demo; every method is one HTTP request."""

import asyncio
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Self

import aiohttp
import orjson

from tools.simulator.faults import Step
from tools.simulator.memory import Accepted, Seen
from tools.simulator.orders import InboundBatch, RawWebhook, StatusOrder
from tools.simulator.payloads import Inbound, Shape, StatusName
from tools.simulator.webhooks import Signature


class SimulatorError(Exception):
    """The simulator refused an order; the text is its answer."""


@dataclass(frozen=True, slots=True)
class Posted:
    """What became of a webhook: the statuses of the first tries (0: no answer) and the ids of its messages."""

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
    """Use as `async with SimulatorClient(base_url) as whatsapp:`; raises SimulatorError for refused orders."""

    def __init__(self, base_url: str) -> None:
        self.base_url = base_url.rstrip("/")
        self._session: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> Self:
        self._session = aiohttp.ClientSession()
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

    async def write(self, *inbounds: Inbound, shape: Shape = "changes", times: int = 1, retry: bool = True) -> Posted:
        """Customers write in: one webhook with all of these messages, posted `times` over."""
        return await self._post("inbound", InboundBatch(messages=inbounds, shape=shape, times=times, retry=retry))

    async def inbound(self, phone_number_id: str, sender: str, text: str = "Hello", **fields: Any) -> str:
        """A customer writes one message; its wamid. `fields` are those of `Inbound`."""
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
    ) -> Posted:
        """Sign and post any payload, or exactly `body`."""
        order = RawWebhook(payload=payload, body=body, signature=signature, times=times, retry=retry)
        return await self._post("webhook", order)

    async def status(
        self, wamid: str, status: StatusName, *, code: int | None = None, timestamp: int | None = None
    ) -> Posted:
        """Report a status of an accepted message, with an error where `code` is given."""
        return await self._post("status", StatusOrder(id=wamid, status=status, code=code, timestamp=timestamp))

    async def verify(self, verify_token: str) -> bool:
        """True when the webhook answers Meta's handshake as it must."""
        return bool((await self._call("POST", "verify", {"verify_token": verify_token}))["verified"])

    async def script(self, *steps: Step, append: bool = False) -> None:
        """Replace the script of faults (or add to it)."""
        told = [step.model_dump() for step in steps]
        await self._call("POST", "script", {"steps": told, "append": append})

    async def fired(self) -> list[int]:
        """How often each step of the script has hit."""
        return list((await self._call("GET", "script"))["fired"])

    async def clear_script(self) -> None:
        """No faults from now on; what hangs is cut off."""
        await self._call("DELETE", "script")

    async def messages(
        self,
        *,
        to: str | None = None,
        callback: str | None = None,
        phone_number_id: str | None = None,
        since: float | None = None,
        after: int | None = None,
        limit: int | None = None,
    ) -> list[Accepted]:
        """Accepted messages in their order."""
        query = {"to": to, "callback": callback, "phone_number_id": phone_number_id, "since": since}
        answer = await self._call("GET", "messages", query=query | {"after": after, "limit": limit})
        return [Accepted(**each) for each in answer["messages"]]

    async def requests(
        self,
        *,
        to: str | None = None,
        callback: str | None = None,
        phone_number_id: str | None = None,
        since: float | None = None,
        after: int | None = None,
        limit: int | None = None,
    ) -> list[Seen]:
        """All requests in their order, refused ones too; their `at` shows the rate of retries."""
        query = {"to": to, "callback": callback, "phone_number_id": phone_number_id, "since": since}
        answer = await self._call("GET", "requests", query=query | {"after": after, "limit": limit})
        return [Seen(**each) for each in answer["requests"]]

    async def stats(self) -> Stats:
        """Counts of everything."""
        return Stats(**await self._call("GET", "stats"))

    async def reset(self) -> None:
        """As after the start."""
        await self._call("POST", "reset")

    async def configure(self, **changes: Any) -> dict[str, Any]:
        """Change fields of `Behaviour`, such as `statuses={"modes": ["reversed"]}`; the whole behaviour."""
        return await self._call("POST", "config", changes)

    async def wait_for_messages(self, count: int, *, timeout: float = 10.0) -> list[Accepted]:
        """The messages, as soon as at least `count` were accepted; TimeoutError when it takes too long."""
        async with asyncio.timeout(timeout):
            while (await self.stats()).accepted < count:  # noqa: ASYNC110  # the event is in another process
                await asyncio.sleep(0.02)
        return await self.messages()

    async def _post(self, call: str, order: InboundBatch | RawWebhook | StatusOrder) -> Posted:
        answer = await self._call("POST", call, order.model_dump())
        return Posted(tuple(answer["answers"]), tuple(answer.get("wamids", ())))

    async def _call(
        self, method: str, call: str, order: Any = None, *, query: dict[str, str | float | None] | None = None
    ) -> dict[str, Any]:
        if self._session is None:
            self._session = aiohttp.ClientSession()
        params = {key: str(value) for key, value in (query or {}).items() if value is not None}
        body = None if order is None else orjson.dumps(order)
        url = f"{self.base_url}/_control/{call}"
        async with self._session.request(method, url, params=params, data=body) as response:
            answer = await response.read()
            if response.status != 200:
                raise SimulatorError(f"{call}: {response.status} {answer.decode(errors='replace')}")
            return dict(orjson.loads(answer))
