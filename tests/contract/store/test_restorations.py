"""A restored record, on both databases: what `verify --against` says before and after audit signed the statement.

A backup is a copy of the SQLite files, or of MongoDB's documents, and a restore puts it back.
"""

import asyncio
import shutil
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID, uuid5

import pymongo
import pytest

from libs.chassis.subscriptions import Received
from libs.contracts.events import Event, RecordRestored
from libs.contracts.identity import Pseudonyms
from libs.record.checkpoints import Checkpoint
from libs.record.exports import (
    ExportVerifier,
    chain_line,
    checkpoint_line,
    end_line,
    head_lines,
    losses_in,
    record_lines,
)
from libs.record.faults import FaultKind, VerificationResult
from libs.record.keys import SigningKey
from libs.record.restorations import Restoration
from libs.store.chains import read_chain
from libs.store.factory import open_store
from libs.store.sealer import sealer_from
from libs.store.store import Store
from libs.store.verification import verify
from services.audit.adapters.subject_keys import CachedSubjectKeys
from services.audit.handlers.checkpoints import SignCheckpoints
from services.audit.handlers.new_customers import NewCustomers
from services.audit.handlers.records import RecordEvents
from services.audit.handlers.restorations import SignRestoration
from tests.contract.store.builders import NOW, a_record
from tests.contract.store.empty import open_empty
from tests.unit.record.chains import KEY, KEYS

SPACE = UUID("2f1d3c9e-7a55-5b7e-8d0e-1c5f7d9b6a31")
STRANGER = SigningKey("k1", bytes(range(7, 39)))
"""Somebody without the key, who calls it by the same name."""
COLLECTIONS = ("records", "checkpoints", "purges")


@dataclass
class Deployment:
    """A store that can be backed up and restored, with audit's jobs over it and a sink outside it."""

    url: str
    folder: Path
    store: Store
    shipped: list[Checkpoint] = field(default_factory=list)
    backups: list[Any] = field(default_factory=list)
    minutes: int = 0

    async def ship(self, checkpoints: Sequence[Checkpoint]) -> None:
        self.shipped += checkpoints

    async def record(self, *names: str, account: str = "acc-1") -> None:
        """Record, sign and ship."""
        await self.store.records.append([a_record(name, account_id=account) for name in names])
        await self.sign()

    async def sign(self, key: SigningKey = KEY) -> None:
        self.minutes += 1
        job = SignCheckpoints(
            chains=self.store.chains,
            checkpoints=self.store.checkpoints,
            sink=self,
            key=key,
            clock=lambda: NOW + timedelta(minutes=self.minutes),
            records=4,
        )
        await job()

    async def backup(self) -> None:
        """Copy the database as it is now."""
        await self.store.close()
        if self.url.startswith("sqlite:"):
            self.backups.append(shutil.copytree(self.folder / "store", self.folder / f"backup-{len(self.backups)}"))
        else:
            with pymongo.MongoClient[Any](self.url) as client:
                found = client.get_default_database()
                self.backups.append({name: list(found[name].find()) for name in COLLECTIONS})
        self.store = await open_store(self.url)

    async def restore(self, number: int) -> None:
        """Put a backup in the database's place."""
        await self.store.close()
        if self.url.startswith("sqlite:"):
            shutil.rmtree(self.folder / "store")
            shutil.copytree(self.backups[number], self.folder / "store")
        else:
            with pymongo.MongoClient[Any](self.url) as client:
                found = client.get_default_database()
                for name in COLLECTIONS:
                    found[name].delete_many({})
                    if self.backups[number][name]:
                        found[name].insert_many(self.backups[number][name])
        self.store = await open_store(self.url)

    async def state(self, key: SigningKey = KEY, reason: str = "the disk was lost") -> list[RecordRestored]:
        """What `gateway audit restored` and then audit do."""
        events = [
            RecordRestored(account_id=loss.chain, actor="ops", up_to=loss.seq, replaced=loss.replaced, reason=reason)
            for loss in losses_in(await self.export(), self.shipped, KEYS)
        ]
        for event in events:
            await self.write(event, key)
        return events

    async def write(self, event: RecordRestored, key: SigningKey = KEY) -> None:
        """Let audit record it, as it does with the event from the broker."""
        self.minutes += 1
        id_, at = uuid5(SPACE, f"{event}{self.minutes}"), NOW + timedelta(minutes=self.minutes)
        received: Received[Event] = Received(event=event, id=id_, at=at, correlation_id=None, attempt=1)
        handler = RecordEvents(
            self.store.records,
            CachedSubjectKeys(self.store.subjects, sealer_from("k1:" + "A" * 43 + "=")),
            Pseudonyms(b"k" * 32),
            NewCustomers(self.store.erased_customers),
            sign_restoration=SignRestoration(self.store.chains, key),
        )
        await handler([received])
        await self.sign()

    async def verified(self, shipped: Sequence[Checkpoint] | None = None) -> VerificationResult:
        """The store's verification and that of an export, which must agree."""
        against = self.shipped if shipped is None else shipped
        found = await verify(self.store.chains, self.store.checkpoints, keys=KEYS, shipped=against)
        verifier = ExportVerifier(KEYS, against)
        for _ in verifier.feed(await self.export()):
            pass
        exported = verifier.end()
        assert (exported.first_fault, exported.restorations) == (found.first_fault, found.restorations)
        return found

    async def export(self) -> list[bytes]:
        heads = await self.store.chains.heads()
        lines = head_lines(KEYS, records=0, at="now")
        for head in heads:
            lines += chain_line(head.chain, head.seq, head.purge, head.stray, head.restorations)
            async for step in read_chain(self.store.chains, self.store.checkpoints, head):
                lines += checkpoint_line(step) if isinstance(step, Checkpoint) else record_lines(step)
        return (lines + end_line(len(heads))).splitlines()


@pytest.fixture
async def deployment(store_url: str, tmp_path: Path) -> AsyncIterator[Deployment]:
    url = f"sqlite:///{tmp_path / 'store' / 'gateway.db'}" if urlsplit(store_url).scheme == "sqlite" else store_url
    found = Deployment(url, tmp_path, await open_empty(url))
    yield found
    await found.store.close()


async def restored(deployment: Deployment) -> None:
    """Six records in the backup, four after it that are lost, and two new ones."""
    await deployment.record("r1", "r2", "r3")
    await deployment.record("r4", "r5", "r6")
    await deployment.backup()
    await deployment.record("lost-1", "lost-2")
    await deployment.record("lost-3", "lost-4")
    await deployment.restore(0)
    await deployment.record("new-1", "new-2")


def kind_of(result: VerificationResult) -> FaultKind | None:
    return None if result.first_fault is None else result.first_fault.kind


async def test_a_restored_record_is_rewritten_until_audit_states_it_and_then_says_to_where_and_why(
    deployment: Deployment,
) -> None:
    await restored(deployment)
    before = await deployment.verified()

    events = await deployment.state()

    after = await deployment.verified()
    assert kind_of(before) is FaultKind.REWRITTEN
    assert [event.up_to for event in events] == [6]
    assert after.ok
    assert [(each.chain, each.seq, each.reason) for each in after.restorations] == [("acc-1", 6, "the disk was lost")]
    assert await deployment.state() == []


async def test_a_record_that_was_not_restored_has_nothing_to_state(deployment: Deployment) -> None:
    await deployment.record("r1", "r2")

    assert await deployment.state() == []
    assert (await deployment.verified()).restorations == ()


async def test_a_backup_without_any_shipped_checkpoint_is_restored_to_nothing(deployment: Deployment) -> None:
    await deployment.backup()
    await deployment.record("lost-1", "lost-2")
    await deployment.restore(0)
    await deployment.record("new-1")

    events = await deployment.state()

    assert [event.up_to for event in events] == [0]
    assert (await deployment.verified()).ok


async def test_a_restore_that_grows_no_further_than_the_loss_is_stated_too(deployment: Deployment) -> None:
    await deployment.record("r1", "r2")
    await deployment.backup()
    await deployment.record(*(f"lost-{n}" for n in range(20)))
    await deployment.restore(0)
    before = await deployment.verified()

    await deployment.state()

    assert kind_of(before) in {FaultKind.TRUNCATED, FaultKind.REMOVED_CHECKPOINT}
    assert (await deployment.verified()).ok


async def test_who_has_no_signing_key_cannot_state_a_restore(deployment: Deployment) -> None:
    await restored(deployment)

    await deployment.state(key=STRANGER)

    assert kind_of(await deployment.verified()) is FaultKind.REWRITTEN


async def test_a_statement_does_not_cover_records_before_its_position(deployment: Deployment) -> None:
    """Somebody moves the position in a signed statement."""
    await restored(deployment)
    await deployment.state()
    lines = await deployment.export()
    moved = [
        line.replace(b'"seq":6,"head"', b'"seq":3,"head"') if b'"kind":"chain"' in line else line for line in lines
    ]

    verifier = ExportVerifier(KEYS, deployment.shipped)
    for _ in verifier.feed(moved):
        pass

    assert moved != lines
    assert kind_of(verifier.end()) is FaultKind.REWRITTEN


async def test_a_valid_statement_whose_position_holds_another_record_is_rewritten(deployment: Deployment) -> None:
    """As somebody does who has the key of an old statement's time, and rewrites what came before it."""
    await restored(deployment)
    await deployment.state()
    head = (await deployment.store.chains.heads("acc-1"))[0]
    wrong = Restoration(**{**vars_of(head.restorations[0]), "head": b"\x01" * 32}).signed_with(KEY)
    lines = [
        chain_line(head.chain, head.seq, None, None, [wrong]).strip() if b'"kind":"chain"' in line else line
        for line in await deployment.export()
    ]

    verifier = ExportVerifier(KEYS, deployment.shipped)
    for _ in verifier.feed(lines):
        pass

    assert kind_of(verifier.end()) is FaultKind.REWRITTEN


async def test_a_statement_for_another_chain_excuses_nothing(deployment: Deployment) -> None:
    await restored(deployment)
    loss = losses_in(await deployment.export(), deployment.shipped, KEYS)[0]
    await deployment.record("other", account="acc-2")

    await deployment.write(
        RecordRestored(account_id="acc-2", actor="ops", up_to=1, replaced=loss.replaced, reason="a mistake")
    )

    found = await deployment.verified()
    assert kind_of(found) is FaultKind.REWRITTEN
    assert found.first_fault is not None
    assert found.first_fault.chain == "acc-1"


async def test_a_later_rewriting_is_not_covered_by_an_earlier_statement(deployment: Deployment) -> None:
    await restored(deployment)
    await deployment.state()
    await deployment.backup()
    await deployment.record("seen-1", "seen-2")
    await deployment.restore(1)
    await deployment.record("instead-1", "instead-2")

    found = await deployment.verified()

    assert kind_of(found) is FaultKind.REWRITTEN


@pytest.mark.parametrize("second", [0, 1], ids=["from the same backup", "from a backup made after the first"])
async def test_two_restores_in_a_row_are_both_stated(deployment: Deployment, second: int) -> None:
    await restored(deployment)
    await deployment.state(reason="the first disk")
    await deployment.backup()
    await deployment.record("lost-again-1", "lost-again-2")
    await deployment.restore(second)
    await deployment.record("newest")
    before = await deployment.verified()

    await deployment.state(reason="the second disk")

    after = await deployment.verified()
    assert not before.ok
    assert after.ok
    assert "the second disk" in {each.reason for each in after.restorations}
    assert len(after.restorations) == 1 + second


async def test_a_statement_at_a_position_that_the_chain_lacks_is_not_signed(
    deployment: Deployment,
) -> None:
    await deployment.record("r1")

    await deployment.write(
        RecordRestored(account_id="acc-1", actor="ops", up_to=99, replaced=("0a" * 32,), reason="a mistake")
    )

    head = (await deployment.store.chains.heads("acc-1"))[0]
    assert head.seq == 2
    assert head.restorations == ()


async def test_a_repeated_event_makes_the_same_record(deployment: Deployment) -> None:
    await restored(deployment)
    loss = losses_in(await deployment.export(), deployment.shipped, KEYS)[0]
    event = RecordRestored(account_id="acc-1", actor="ops", up_to=loss.seq, replaced=loss.replaced, reason="a disk")
    sign = SignRestoration(deployment.store.chains, KEY)

    twice = await asyncio.gather(*(sign(event, NOW, a_record("r")) for _ in range(2)))

    assert twice[0] == twice[1]
    assert "statement" in twice[0].details


def vars_of(statement: Restoration) -> dict[str, Any]:
    return {name: getattr(statement, name) for name in type(statement).__dataclass_fields__}
