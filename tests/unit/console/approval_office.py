"""An office of two persons before a console, whose approvals can die at each step."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path
from typing import Any, cast

import pytest

from libs.contracts.errors import unavailable
from libs.contracts.identity import Pseudonyms
from libs.store.approvals import Approvals, ApprovalState, Transition
from libs.store.conversations import Suppression, SuppressionKind
from libs.store.outbox import OutboxEvent
from libs.store.store import Store
from services.console.app.subjects import apply_approval_from
from services.console.handlers.resume_approvals import ResumeApprovals
from tests.unit.console.world import ADMIN_TOKEN, KEY, NOON, PHONE, World, a_world, settings

REASON = "The customer asked for it on the phone today"


@dataclass
class DyingApprovals:
    """The real ones; a process dies (the call fails) before it marks an effect as done, while `dies` is True."""

    real: Approvals
    dies: bool = False

    def __getattr__(self, name: str) -> Any:
        return getattr(self.real, name)

    async def move(self, approval_id: str, transition: Transition, events: list[OutboxEvent]) -> bool:
        if self.dies and transition.after is ApprovalState.DONE:
            raise unavailable("store")
        return await self.real.move(approval_id, transition, events)


@dataclass
class Office:
    """Console with four eyes; Ann and Bob have tokens of the deployment's admin."""

    world: World
    approvals: DyingApprovals
    tokens: dict[str, str] = field(default_factory=dict)

    async def hire(self, name: str, role: str = "admin", by: str = ADMIN_TOKEN, **fields: Any) -> str:
        made = await self.world.ok("POST", "/tokens", {"label": name, "role": role, **fields}, token=by)
        self.tokens[name] = made["token"]
        return str(made["id"])

    async def call(self, who: str, method: str, path: str, json: Any = None, **said: Any) -> tuple[int, dict[str, Any]]:
        response = await self.world.call(method, path, token=self.tokens[who], json=json, **said)
        return response.status, await response.json()

    async def asked(self, who: str, method: str, path: str, json: Any = None, **said: Any) -> str:
        """The id of the request that the call leads to."""
        status, body = await self.call(who, method, path, json, **said)
        assert status == 202, body
        return str(body["approval_id"])

    async def approve(self, who: str, id_: str) -> tuple[int, dict[str, Any]]:
        return await self.call(who, "POST", f"/approvals/{id_}/approve")

    async def account(self) -> str:
        return str((await self.world.account())["id"])

    async def shown(self, account_id: str) -> dict[str, Any]:
        shown: dict[str, Any] = await self.world.ok("GET", f"/accounts/{account_id}")
        return shown

    async def state(self, id_: str) -> tuple[str, str | None]:
        shown = await self.world.ok("GET", f"/approvals/{id_}")
        return shown["state"], shown["code"]

    async def resume(self) -> None:
        await ResumeApprovals(apply_approval_from(settings(second_person=True), self.world.deps))()

    def events(self, *kinds: type[Any]) -> list[Any]:
        return [event for event in self.world.broker.events if isinstance(event, kinds)]


@asynccontextmanager
async def an_office(folder: Path, **changes: Any) -> AsyncIterator[Office]:
    dying: list[DyingApprovals] = []

    def swap(store: Store) -> Store:
        dying.append(DyingApprovals(store.approvals))
        return replace(store, approvals=cast("Approvals", dying[0]))

    async with a_world(folder, swap, second_person=True, **changes) as world:
        office = Office(world, dying[0])
        await office.hire("Ann")
        await office.hire("Bob")
        yield office


@pytest.fixture
async def office(tmp_path: Path) -> AsyncIterator[Office]:
    async with an_office(tmp_path) as made:
        yield made


def a_stop(account_id: str, suppression_id: str = "sup_1", **fields: Any) -> Suppression:
    given: dict[str, Any] = {
        "customer_key": Pseudonyms(KEY.encode()).customer_key(account_id, PHONE),
        "masked_phone": "+9665•••••678",
        "kind": SuppressionKind.OPT_OUT,
        "source": "keyword",
        "reason": None,
        "actor": None,
        "since": NOON - timedelta(hours=1),
    }
    return Suppression(id=suppression_id, account_id=account_id, **(given | fields))


def about(account_id: str, phone: str = PHONE) -> dict[str, str]:
    return {"account_id": account_id, "phone": phone, "reason": "asked by letter"}
