"""`CachedDirectory` and `CachedIntegrations`: when a row is read again."""

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import pytest

from libs.contracts.errors import GatewayError, unavailable
from libs.contracts.events import AccountChanged, Event, IntegrationChanged, NumberChanged
from libs.store.accounts import Account, Integration, Number, Page
from libs.store.directory_cache import MISSING_TTL_SECONDS, TTL_SECONDS, CachedDirectory, CachedIntegrations

AT: dict[str, Any] = {
    "created_at": datetime(2026, 11, 23, tzinfo=UTC),
    "updated_at": datetime(2026, 11, 23, tzinfo=UTC),
}
ACCOUNT = Account(id="acc-1", name="Acme", business_name="Acme Ltd", **AT)
NUMBER = Number(id="num-1", account_id="acc-1", phone_number_id="1055", sealed_token="k1:n:s", **AT)
INTEGRATION = Integration(id="int-1", account_id="acc-1", instance_id="num-1", **AT)
ACCOUNT_CHANGED = AccountChanged(account_id="acc-1", actor="op", changes={})
NUMBER_CHANGED = NumberChanged(account_id="acc-1", number_id="num-1", actor="op", changes={})
INTEGRATION_CHANGED = IntegrationChanged(account_id="acc-1", integration_id="int-1", actor="op", changes={})


class Source:
    """A directory and registry that counts its reads; a read waits while `pause` is set."""

    def __init__(self) -> None:
        self.reads, self.pause, self.now, self.down = 0, asyncio.Event(), 0.0, False
        self.pause.set()

    async def _read(self) -> None:
        self.reads += 1
        await self.pause.wait()
        if self.down:
            raise unavailable("store")

    async def account(self, account_id: str) -> Account | None:
        await self._read()
        return ACCOUNT if account_id == "acc-1" else None

    async def number(self, *, number_id: str | None = None, phone_number_id: str | None = None) -> Number | None:
        await self._read()
        return NUMBER

    async def integration(self, integration_id: str) -> Integration | None:
        await self._read()
        return INTEGRATION

    async def integrations_of(self, number_id: str) -> Sequence[Integration]:
        await self._read()
        return [INTEGRATION]

    async def page(self, kind: type[Any], page: Page) -> Sequence[Any]:
        await self._read()
        return [] if page.after else [INTEGRATION]

    async def save(self, row: Any, events: Any, *, created: bool) -> bool:
        raise NotImplementedError


async def read_all(directory: CachedDirectory) -> None:
    await directory.account("acc-1")
    await directory.number(number_id="num-1")
    await directory.number(phone_number_id="1055")
    await directory.integration("int-1")


async def test_a_row_is_read_once_until_its_time_to_live_ends() -> None:
    source = Source()
    directory = CachedDirectory(source, lambda: source.now)

    await read_all(directory)
    source.now = TTL_SECONDS - 0.1
    await read_all(directory)
    assert source.reads == 4

    source.now = TTL_SECONDS
    await read_all(directory)
    assert source.reads == 8


async def test_an_absent_row_is_read_again_soon() -> None:
    source = Source()
    directory = CachedDirectory(source, lambda: source.now)

    assert await directory.account("acc-9") is None
    source.now = MISSING_TTL_SECONDS
    assert await directory.account("acc-9") is None

    assert source.reads == 2


@pytest.mark.parametrize(
    ("event", "read_again"),
    [
        pytest.param(ACCOUNT_CHANGED, 1, id="an account"),
        pytest.param(INTEGRATION_CHANGED, 1, id="an integration"),
        pytest.param(NUMBER_CHANGED, 2, id="a number, by both of its ids"),
        pytest.param(None, 4, id="everything after a reconnect"),
    ],
)
async def test_a_change_invalidates_its_row_alone(event: Event | None, read_again: int) -> None:
    source = Source()
    directory = CachedDirectory(source, lambda: source.now)
    await read_all(directory)

    directory.invalidate(event)
    await read_all(directory)

    assert source.reads == 4 + read_again


async def test_a_row_that_changes_while_it_is_read_is_not_cached() -> None:
    source = Source()
    directory = CachedDirectory(source, lambda: source.now)
    source.pause.clear()
    reading = asyncio.create_task(directory.account("acc-1"))
    await asyncio.sleep(0)

    directory.invalidate(ACCOUNT_CHANGED)
    source.pause.set()
    await reading
    await directory.account("acc-1")

    assert source.reads == 2


async def test_a_cached_row_is_had_without_a_read() -> None:
    source = Source()
    directory = CachedDirectory(source, lambda: source.now)
    before = directory.cached_integration("int-1"), directory.cached_number("num-1")
    await read_all(directory)

    after = directory.cached_integration("int-1"), directory.cached_number("num-1")
    source.now = TTL_SECONDS
    later = directory.cached_integration("int-1"), directory.cached_number("num-1")

    assert (before, after, later) == ((None, None), (INTEGRATION, NUMBER), (None, None))
    assert source.reads == 4


async def test_cached_rows_share_what_nobody_reads_and_equal_the_stored_ones() -> None:
    source = Source()
    directory = CachedDirectory(source)
    account, number = await directory.account("acc-1"), await directory.number(number_id="num-1")
    assert account == ACCOUNT
    assert account is not None
    assert number is not None
    assert account.model_fields_set is number.model_fields_set
    assert account.model_copy(update={"paused": True}).model_fields_set == {"paused"}
    assert number.model_fields_set == set()


async def test_a_row_can_be_read_whatever_is_cached_and_is_cached_then() -> None:
    source = Source()
    directory = CachedDirectory(source, lambda: source.now)
    await read_all(directory)

    assert await directory.read_integration("int-1") == INTEGRATION
    assert await directory.read_number("num-1") == NUMBER
    await read_all(directory)

    assert source.reads == 6


async def test_a_read_that_fails_leaves_the_cached_row() -> None:
    source = Source()
    directory = CachedDirectory(source, lambda: source.now)
    await directory.integration("int-1")
    source.down = True

    with pytest.raises(GatewayError):
        await directory.read_integration("int-1")

    assert directory.cached_integration("int-1") == INTEGRATION


async def test_integrations_are_read_again_only_when_an_integration_changed() -> None:
    source = Source()
    integrations = CachedIntegrations(source, lambda: source.now)

    assert await integrations.of_number("num-1") == [INTEGRATION]
    assert await integrations.of_account("acc-1") == [INTEGRATION]
    integrations.invalidate(ACCOUNT_CHANGED)
    await integrations.of_number("num-1")
    assert source.reads == 3

    integrations.invalidate(INTEGRATION_CHANGED)
    await integrations.of_number("num-1")
    assert source.reads == 4
