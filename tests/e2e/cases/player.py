"""Plays one case against a running gateway, through the interfaces that operators, 3CX and providers use."""

import gzip
import hashlib
import hmac
import io
import itertools
import uuid
from dataclasses import dataclass, field
from typing import Any

import orjson

from tests.e2e.cases.bodies import Case, Fields, body_of
from tests.e2e.cases.expectations import Observed, differences
from tests.e2e.cases.outside import ForwardReceiver
from tests.e2e.driver import MARK, Answer, Gateway, Integration
from tests.evolution_stub import EvolutionStub

EVOLUTION_KEY = f"evolution-{MARK}-cases"
NUMBERS = itertools.count(270_440_000_000_000)
JSON = "application/json"


@dataclass(frozen=True)
class World:
    """Everything outside the cases that they talk to."""

    gateway: Gateway
    receiver: ForwardReceiver
    evolution: EvolutionStub


@dataclass(eq=False)
class Player:
    """One case being played, with an account, a number and an integration of its own."""

    world: World
    case: Case
    wrong: list[str] = field(default_factory=list)
    values: dict[str, str] = field(default_factory=lambda: {"__UID2__": uuid.uuid4().hex})
    webhook: dict[str, Any] = field(default_factory=dict)
    event_ids: set[str] = field(default_factory=set)
    seen: set[str] = field(default_factory=set)
    """Ids of the records that were there when the step began."""
    forwarded: int = 0
    """Forwards that were there when the step began."""
    answer: Answer = field(default_factory=lambda: Answer(0, {}))
    integration: Integration = field(init=False)

    async def set_up(self) -> None:
        """Create what the case needs."""
        number, account_id = await self._number_of_new_account()
        fields = {"forward_url": f"{self.world.receiver.url}/{account_id}"} | dict(self.case.integration)
        self.integration = await self._integrate(account_id, number, **fields)
        self.webhook = (number.get("webhook_set") or {}).get("webhook", {})
        name = self.integration.number
        settings = self.world.gateway.stack.settings
        verify = settings["GATEWAY_WHATSAPP_VERIFY_TOKEN"]
        self.values |= {"__PNID__": name, "__INSTANCE__": name, "__ACCOUNT__": account_id, "__VERIFY__": verify}
        if self.case.second_number:
            second, second_account = await self._number_of_new_account()
            self.values["__PNID2__"] = (await self._integrate(second_account, second)).number
        self.seen = {record["id"] for record in await self._records()}

    async def do(self, step: Fields) -> None:
        """Do what a step says and keep the answer."""
        self.answer = await getattr(self, f"_do_{step['do']}")(step)
        if step["do"] == "threecx":
            self.event_ids |= {self.answer.event_id} - {""}
            self.values["__SENT__"] = self.answer.body.get("message_id") or self.values.get("__SENT__", "")

    async def compare(self, index: int, skipped: dict[str, float]) -> None:
        """Compare what happened since the step began, and begin the next one."""
        step = self.case.steps[index]
        records = [record for record in await self._records() if record["id"] not in self.seen]
        forwards = self.world.receiver.received[self.integration.account_id]
        observed = Observed(
            answer=self.answer,
            events=records,
            forwards=forwards[self.forwarded :],
            skipped=skipped,
            recipients=await self._recipients() if step["do"] == "sent" else [],
            event_ids=frozenset(self.event_ids),
        )
        self.wrong += [f"step {index + 1}: {each}" for each in differences(step["expect"], observed)]
        self.seen |= {record["id"] for record in records}
        self.forwarded = len(forwards)

    async def _do_meta(self, step: Fields) -> Answer:
        body = body_of(step, self.values)
        body = gzip.compress(body) if step.get("gzip") else body
        key = self.world.gateway.stack.settings["GATEWAY_WHATSAPP_APP_SECRET"].encode()
        signature = f"sha256={hmac.new(key, body, hashlib.sha256).hexdigest()}"
        headers = {"Content-Type": JSON, "X-Hub-Signature-256": signature} | step.get("headers", {})
        return await self._request("POST", self._whatsapp_url, body, headers)

    async def _do_handshake(self, step: Fields) -> Answer:
        query = {name: self.values.get(value, value) for name, value in step["query"].items()}
        return await self._request(step.get("method", "GET"), self._whatsapp_url, None, {}, query)

    async def _do_evolution(self, step: Fields) -> Answer:
        headers = {"Content-Type": JSON} | self.webhook["headers"]
        return await self._request("POST", self.webhook["url"], body_of(step, self.values), headers)

    async def _do_threecx(self, step: Fields) -> Answer:
        headers = {"Content_Type": step.get("content_type", JSON)}
        gateway = self.world.gateway
        answer = await gateway.post(self.integration, body_of(step, self.values), **headers)
        return await gateway.final_answer(self.integration, answer)

    async def _do_api(self, step: Fields) -> Answer:
        body = {name: self.values.get(str(value), value) for name, value in step.get("body", {}).items()}
        return await self.world.gateway.api(step["method"], step["path"], body or None)

    async def _do_sent(self, step: Fields) -> Answer:
        return Answer(0, {})

    @property
    def _whatsapp_url(self) -> str:
        return self.world.gateway.url("/integrations/whatsapp/webhook")

    async def _request(
        self, method: str, url: str, data: bytes | None, headers: dict[str, str], query: dict[str, str] | None = None
    ) -> Answer:
        stream = None if data is None else io.BytesIO(data)
        request = self.world.gateway.http.request(method, url, data=stream, headers=headers, params=query)
        async with request as response:
            content = await response.read()
            body = orjson.loads(content) if response.content_type == JSON and content else {}
            return Answer(response.status, body if isinstance(body, dict) else {}, response.headers, content)

    async def _number_of_new_account(self) -> tuple[dict[str, Any], str]:
        defaults = {"name": "Acme", "business_name": "Acme Clinic", "timezone": "Asia/Riyadh", "default_region": "SA"}
        gateway, told = self.world.gateway, str(next(NUMBERS))
        account = await gateway.done("POST", "/accounts", defaults | dict(self.case.account))
        number = {"provider": "cloud_api", "phone_number_id": told, "access_token": f"EAA-{MARK}-token-{told}"}
        if self.case.provider == "evolution":
            name = f"case-{told}"
            self.world.evolution.instances[name] = EVOLUTION_KEY
            number = {"provider": "evolution", "phone_number_id": name, "access_token": EVOLUTION_KEY}
            number["base_url"] = self.world.evolution.url
        gateway.seen_secrets.add(number["access_token"])
        made = await gateway.done("POST", f"/accounts/{account['id']}/instances", number)
        return made | {"phone_number_id": number["phone_number_id"]}, account["id"]

    async def _integrate(self, account_id: str, number: Fields, **settings: Any) -> Integration:
        body = {"account_id": account_id, "instance_id": number["id"], **settings}
        made = await self.world.gateway.done("POST", "/integrations", body)
        return Integration(made["id"], account_id, number["id"], number["phone_number_id"], made["secret"])

    async def _records(self) -> list[dict[str, Any]]:
        return await self.world.gateway.records(account_id=self.integration.account_id)

    async def _recipients(self) -> list[str]:
        name = self.integration.number
        if self.case.provider == "evolution":
            return [
                sent.body["number"].removeprefix("+") for sent in self.world.evolution.sent if sent.instance == name
            ]
        requests = await self.world.gateway.whatsapp.requests(phone_number_id=name)
        return [request.to for request in requests if request.outcome != "read"]
