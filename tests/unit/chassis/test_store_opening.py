"""A service waits for its store, and ends for what no waiting mends."""

import asyncio

import pytest
import structlog

from libs.chassis import store_opening
from libs.chassis.settings import SettingsError
from libs.chassis.store_opening import open_when_usable
from libs.contracts.errors import unavailable


@pytest.fixture(autouse=True)
def short_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(store_opening, "PAUSES", (0.0,))


async def test_the_store_is_tried_until_it_can_be_used_and_each_failure_has_its_cause() -> None:
    failures = ["the file is locked", "the disk is full"]

    async def opening() -> str:
        if failures:
            failure = unavailable("store")
            failure.add_note(failures.pop(0))
            raise failure
        return "a store"

    with structlog.testing.capture_logs() as lines:
        opened = await open_when_usable(opening)

    assert opened == "a store"
    assert [line["cause"] for line in lines] == ["the file is locked", "the disk is full"]
    assert {line["log_level"] for line in lines} == {"warning"}


@pytest.mark.parametrize("defect", [ValueError("the URL is wrong"), RuntimeError("run the newer release")])
async def test_what_no_waiting_mends_is_an_error_of_the_setting(defect: Exception) -> None:
    async def opening() -> str:
        raise defect

    with pytest.raises(SettingsError, match=f"^GATEWAY_STORE_URL: {defect}$"):
        await open_when_usable(opening)


async def test_a_wait_can_be_cancelled() -> None:
    tried = asyncio.Event()

    async def opening() -> str:
        tried.set()
        raise unavailable("store")

    waiting = asyncio.create_task(open_when_usable(opening))
    await tried.wait()
    waiting.cancel()

    with pytest.raises(asyncio.CancelledError):
        await waiting
