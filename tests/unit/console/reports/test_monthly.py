"""Monthly reports: once for each account and month, whoever writes them and whatever fails."""

import asyncio
import hashlib
import hmac
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from prometheus_client import REGISTRY

from libs.chassis.periodic import periodic
from libs.contracts.errors import unavailable
from libs.contracts.events import ReportRead
from libs.store.accounts import Account
from services.console.adapters.report_folder import ReportFolder
from services.console.adapters.report_webhook import ReportWebhook
from services.console.app.wiring import monthly_reports_from
from services.console.domain.documents import Document
from services.console.domain.reports.model import ComplianceReport
from services.console.handlers.reports.monthly import LEASE_SECONDS, WriteMonthlyReports
from tests.unit.console.world import World, a_world, settings

DECEMBER = datetime(2026, 12, 1, 3, tzinfo=UTC)


@dataclass
class Recipient:
    """Takes reports, unless it is told not to."""

    takes: bool = True
    got: list[tuple[str, list[str]]] = field(default_factory=list)

    async def __call__(self, report_id: str, documents: Sequence[Document]) -> bool:
        if self.takes:
            self.got.append((report_id, [document.name for document in documents]))
        return self.takes


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    async with a_world(tmp_path / "store") as made:
        yield made


def a_writer(world: World, recipient: Recipient, owner: str = "console-1") -> WriteMonthlyReports:
    made = monthly_reports_from(settings(report_dir="unused", report_formats="json,csv"), world.deps, owner)
    assert made is not None
    return replace(made, deliveries=[recipient])


async def accounts(world: World, *zones: str) -> list[str]:
    ids = [(await world.account(timezone=zone))["id"] for zone in zones]
    world.clock.now = DECEMBER
    return ids


async def test_last_months_report_of_every_account_is_written_once(world: World) -> None:
    first, second = await accounts(world, "Asia/Riyadh", "UTC")
    recipient = Recipient()

    written = [await a_writer(world, recipient)() for _ in range(3)]

    assert written == [2, 0, 0]
    assert {report_id for report_id, _ in recipient.got} == {f"report:{id_}:2026-11" for id_ in (first, second)}
    assert recipient.got[0][1][0].endswith("-2026-11-01-2026-11-30.json")


async def test_two_consoles_write_no_report_twice(world: World) -> None:
    await accounts(world, "UTC", "UTC", "UTC")
    recipient = Recipient()

    written = await asyncio.gather(*(a_writer(world, recipient, f"console-{n}")() for n in range(4)))

    assert sum(written) == len(recipient.got) == 3


async def test_a_month_that_is_not_over_there_has_no_report_yet(world: World) -> None:
    await accounts(world, "America/New_York")  # 22:00 on 30 November
    recipient = Recipient()

    assert await a_writer(world, recipient)() == 0  # and October is from before the account

    world.clock.pass_by(hours=3)
    assert await a_writer(world, recipient)() == 1


async def test_a_report_that_nobody_took_is_tried_again_after_the_lease(world: World) -> None:
    await accounts(world, "UTC")
    recipient = Recipient(takes=False)
    refused = await a_writer(world, recipient)()
    recipient.takes = True

    early = await a_writer(world, recipient, "console-2")()
    world.clock.pass_by(seconds=LEASE_SECONDS + 1)
    late = await a_writer(world, recipient, "console-2")()

    assert (refused, early, late) == (0, 0, 1)


async def test_an_account_whose_report_fails_holds_up_no_other_and_ends_no_job(world: World) -> None:
    first, second, third = sorted(await accounts(world, "UTC", "UTC", "UTC"))
    recipient = Recipient()
    writer = a_writer(world, recipient)
    build = writer.reports.build

    async def fails(account: Account, *given: Any, **more: Any) -> ComplianceReport:
        if account.id == second:
            raise KeyError("+966512345678")
        return await build(account, *given, **more)

    broken = replace(writer, reports=replace(writer.reports, build=fails))  # type: ignore[arg-type]  # as BuildReport
    failed_before = counted("failed")

    async with periodic("write monthly reports", broken, 0.01):
        async with asyncio.timeout(10):
            while counted("failed") < failed_before + 3:
                await asyncio.sleep(0.01)

    assert {report_id.split(":")[1] for report_id, _ in recipient.got} == {first, third}
    assert REGISTRY.get_sample_value("gateway_scheduled_reports_waiting") == 1
    assert await writer() == 1
    assert REGISTRY.get_sample_value("gateway_scheduled_reports_waiting") == 0


async def test_reports_that_an_outage_holds_up_are_counted_as_delayed(world: World) -> None:
    await accounts(world, "UTC", "UTC")
    writer = a_writer(world, Recipient())

    async def away(*_: Any, **__: Any) -> ComplianceReport:
        raise unavailable("store")

    delayed_before = counted("delayed")

    assert await replace(writer, reports=replace(writer.reports, build=away))() == 0  # type: ignore[arg-type]
    assert counted("delayed") == delayed_before + 1
    assert REGISTRY.get_sample_value("gateway_scheduled_reports_waiting") == 1


def counted(outcome: str) -> float:
    return REGISTRY.get_sample_value("gateway_scheduled_reports_total", {"outcome": outcome}) or 0.0


async def test_a_scheduled_report_is_a_record_too(world: World) -> None:
    await accounts(world, "UTC")

    await a_writer(world, Recipient())()

    read = [event for event in world.broker.events if isinstance(event, ReportRead)]
    assert [(event.actor, event.format) for event in read] == [("schedule", "json"), ("schedule", "csv")]


async def test_without_anybody_to_deliver_to_there_is_no_schedule(world: World) -> None:
    assert monthly_reports_from(settings(), world.deps, "console-1") is None


async def test_files_appear_whole_and_again_under_the_same_names(tmp_path: Path) -> None:
    folder = ReportFolder(tmp_path / "reports" / "made")
    documents = [Document(b"{}", "application/json", "a.json"), Document(b"%PDF", "application/pdf", "a.pdf")]

    taken = [await folder("report:a:2026-11", documents) for _ in range(2)]

    assert taken == [True, True]
    assert sorted(path.name for path in folder.folder.iterdir()) == ["a.json", "a.pdf"]
    assert (folder.folder / "a.pdf").read_bytes() == b"%PDF"


async def test_a_folder_that_cannot_be_written_to_is_no_delivery(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")

    assert not await ReportFolder(tmp_path / "file" / "below")("id", [Document(b"", "application/json", "a.json")])


@pytest.mark.parametrize(("status", "taken"), [(200, True), (204, True), (302, False), (500, False)])
async def test_a_posted_report_is_signed_and_carries_its_id(*, status: int, taken: bool) -> None:
    got: list[tuple[dict[str, str], bytes]] = []

    async def take(request: web.Request) -> web.Response:
        got.append((dict(request.headers), await request.read()))
        return web.Response(status=status)

    app = web.Application()
    app.router.add_post("/", take)
    async with TestServer(app) as server:
        post = ReportWebhook(url=str(server.make_url("/")), secret=b"shared", clock=lambda: DECEMBER)

        answered = await post("report:a:2026-11", [Document(b'{"a":1}', "application/json", "a.json")])

    [(headers, body)] = got
    assert (answered, body) == (taken, b'{"a":1}')
    assert headers["Idempotency-Key"] == "report:a:2026-11"
    stamp = headers["X-WhatsApp-Gateway-Timestamp"]
    digest = hmac.new(b"shared", f"{stamp}.".encode() + body, hashlib.sha256).hexdigest()
    assert headers["X-WhatsApp-Gateway-Signature"] == f"sha256={digest}"


async def test_a_recipient_that_is_away_is_no_delivery() -> None:
    post = ReportWebhook(url="http://127.0.0.1:9/", secret=None, clock=lambda: DECEMBER)

    assert not await post("id", [Document(b"{}", "application/json", "a.json")])
