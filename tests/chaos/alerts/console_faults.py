"""Faults of operators and of console: requests that wait, look-ups without end, a verification that does not run."""

import asyncio
import sqlite3
import time
from contextlib import closing

from tests.chaos.alerts.fault import Expected, Fault
from tests.chaos.alerts.world import World
from tests.e2e.test_access_log import PER_HOUR, a_token
from tests.e2e.waiting import eventually

DAY = 86_400
MICROS = 1_000_000
LEASE = "verify:incremental"


def _main(world: World) -> sqlite3.Connection:
    return sqlite3.connect(world.folder / "gateway.db", timeout=10)


def _changed(world: World, sql: str, *values: object) -> None:
    with closing(_main(world)) as connection, connection:
        connection.execute(sql, values)


def approval_waits() -> Fault:
    """A request for another retention has waited for a day; the mend is its rejection by a second person."""
    made: list[tuple[str, str]] = []

    async def begin(world: World) -> None:
        integration = await world.gateway.create_integration()
        ann, bob = [await an_admin(world, label) for label in ("Ann", "Bob")]
        path = f"/accounts/{integration.account_id}"
        asked = await world.gateway.api("PATCH", path, {"retention_days": 30}, token=ann)
        assert asked.status == 202, asked
        [waiting] = (await world.gateway.done("GET", "/approvals", state="pending"))["items"]
        made.append((str(waiting["id"]), bob))
        since = int((time.time() - 1.1 * DAY) * MICROS)
        await asyncio.to_thread(_changed, world, "UPDATE approvals SET requested_at = ?", since)

    async def mend(world: World) -> None:
        for approval, bob in made:
            body = {"reason": "A test of the alert"}
            answer = await world.gateway.api("POST", f"/approvals/{approval}/reject", body, token=bob)
            assert answer.status == 200, answer

    return Fault(
        name="request waits for a second person",
        begin=begin,
        mend=mend,
        expected=(Expected("GatewayApprovalsWaiting"),),
        companions=frozenset({"GatewayStoreErrors"}),
        severity="ticket",
    )


async def an_admin(world: World, label: str) -> str:
    """The token of a new person with the role of an admin."""
    return str((await world.gateway.done("POST", "/tokens", {"label": label, "role": "admin"}))["token"])


def look_ups() -> Fault:
    """A token looks up one person more than it may within an hour."""

    async def begin(world: World) -> None:
        gateway, account = world.gateway, (await world.gateway.create_integration()).account_id
        _, token = await a_token(gateway, account)
        query = {"account_id": account}
        for _ in range(PER_HOUR + 1):
            await gateway.api("GET", "/suppressions", token=token, phone=gateway.a_customer(), **query)

    async def mend(world: World) -> None:
        """The token is refused by itself."""

    return Fault(
        name="token looks up persons without end",
        begin=begin,
        mend=mend,
        expected=(Expected("GatewayPersonLookupsRefused"),),
        severity="ticket",
    )


def verification_held() -> Fault:
    """The lease of the incremental verification is somebody's who does not verify; it is due, and nobody may."""

    async def prepare(world: World) -> None:
        now = int(time.time() * MICROS)
        sql = (
            "INSERT INTO errands (id, owner, until, taken_at) VALUES (?, 'nobody', ?, ?) "
            "ON CONFLICT (id) DO UPDATE SET owner = 'nobody', until = excluded.until, taken_at = excluded.taken_at"
        )
        await asyncio.to_thread(_changed, world, sql, LEASE, now + DAY * MICROS, now)
        seconds = 300.0 / world.prometheus.factor
        await eventually(lambda: _overdue(world, seconds), seconds=seconds + 60.0, pause=0.5)

    async def begin(world: World) -> None:
        """A verification was due."""

    async def mend(world: World) -> None:
        await asyncio.to_thread(_changed, world, "DELETE FROM errands WHERE id = ?", LEASE)

    return Fault(
        name="verification does not run",
        prepare=prepare,
        begin=begin,
        mend=mend,
        expected=(Expected("GatewayRecordNotVerified", {"scope": "incremental"}),),
        companions=frozenset({"GatewayStoreErrors"}),
        severity="ticket",
    )


async def _overdue(world: World, seconds: float) -> bool:
    page = await world.gateway.page(world.service("console").ready_url.replace("/readyz", "/metrics"))
    name = 'gateway_record_verified_timestamp_seconds{scope="incremental"}'
    [verified] = [float(line.split()[1]) for line in page.splitlines() if line.startswith(name)]
    return time.time() - verified > seconds
