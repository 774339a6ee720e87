"""For any order of records, checkpoints and erasures: chains verify, and nothing identifies an erased person."""

import random
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path
from uuid import UUID

import pytest

from libs.chassis.subscriptions import Received
from libs.contracts.events import Event, SubjectErased, WhatsAppMessageReceived, WhatsAppStatusReceived
from libs.contracts.identity import Pseudonyms, masked
from libs.store.factory import open_store
from libs.store.records import Record, RecordFilter
from libs.store.sealer import CannotOpen, Sealer, SealingKey
from libs.store.store import Store
from libs.store.subjects import key_of
from services.audit.adapters.subject_keys import CachedSubjectKeys
from services.audit.handlers.new_customers import NewCustomers
from services.audit.handlers.records import RecordEvents as Recording
from tests.contract.store.builders import NOW
from tests.contract.store.test_chains import seal, verdict_of

HASH_KEY = b"h" * 32
SEALER = Sealer([SealingKey("k1", bytes(range(32)))])
PEOPLE = [f"+96651000000{n}" for n in range(6)]
STEPS = 60


def customer_key(phone: str) -> str:
    return Pseudonyms(HASH_KEY).customer_key("acc-1", phone)


def wamid(phone: str) -> str:
    return f"wamid.{phone[1:]}"


class Replicas:
    """Two replicas of audit over one store; the second hears of erasures late, or not at all."""

    def __init__(self, store: Store, chance: random.Random) -> None:
        self.store, self.chance = store, chance
        self.keys = [CachedSubjectKeys(store.subjects, SEALER) for _ in range(2)]
        new_customers = NewCustomers(store.erased_customers)
        self.recordings = [Recording(store.records, keys, Pseudonyms(HASH_KEY), new_customers) for keys in self.keys]
        self.events = 0

    async def record(self, events: Sequence[Event]) -> None:
        batch = []
        for event in events:
            self.events += 1
            batch.append(Received(event, id=UUID(int=self.events), at=NOW + timedelta(seconds=self.events)))
        replica = self.chance.choice(self.recordings)
        await replica(batch)
        await self.chance.choice(self.recordings)(batch)  # delivered again, to whomever

    async def erase(self, phone: str) -> None:
        found = await self.store.subjects.find(customer_keys=[customer_key(phone)])
        await self.store.subjects.delete([customer_key(phone)])
        event = SubjectErased(
            account_id="acc-1",
            actor="admin",
            erasure_id="era_1",
            pseudonyms=tuple(subject.pseudonym for subject in found),
            reason="asked",
            removed={},
        )
        for keys in self.keys:
            if self.chance.random() < 0.7:
                keys.invalidate(event)
        await self.record([event])


def an_event(phone: str, chance: random.Random) -> Event:
    if chance.random() < 0.3:
        return WhatsAppStatusReceived(
            account_id="acc-1", number_id="n", message_id=wamid(phone), status="read", at=NOW, customer=phone
        )
    return WhatsAppMessageReceived(
        account_id="acc-1",
        number_id="n",
        message_id=wamid(phone),
        customer=phone,
        type="text",
        text=f"I am {phone}",
        sent_at=NOW,
    )


async def played(store: Store, seed: int) -> set[str]:
    """A random history; who was erased in its last third and never heard of again."""
    chance = random.Random(seed)
    replicas, erased = Replicas(store, chance), set[str]()
    for step in range(STEPS):
        present = [phone for phone in PEOPLE if phone not in erased]
        what = chance.random()
        if what < 0.65 and present:
            await replicas.record([an_event(chance.choice(present), chance) for _ in range(chance.randint(1, 4))])
        elif what < 0.8:
            phone = chance.choice(PEOPLE)
            await replicas.erase(phone)
            if step > STEPS * 2 / 3:
                erased.add(phone)
        elif replicas.events:
            await seal(store, every=chance.randint(1, 5))
        verdict = await verdict_of(store)
        assert verdict.ok, (seed, step, verdict.first_fault)
    return erased


async def everything(store: Store) -> list[Record]:
    page = await store.records.page(RecordFilter(), limit=100_000, cursor=None)
    return list(page.items)


@pytest.mark.parametrize("seed", range(4))
async def test_a_random_history_verifies_at_every_step_and_hides_the_erased(store: Store, seed: int) -> None:
    erased = await played(store, seed)

    subjects = await store.subjects.find(customer_keys=list(map(customer_key, PEOPLE)))
    keys = {subject.pseudonym: key_of(subject, SEALER) for subject in subjects}
    assert not {subject.customer_key for subject in subjects} & set(map(customer_key, erased))
    for record in await everything(store):
        shown = str(record)
        assert not any(trace in shown for phone in PEOPLE for trace in (phone[1:], masked(phone), customer_key(phone)))
        if record.personal is not None and record.customer_hash in keys:
            assert keys[record.customer_hash].open(record.id, record.personal)["message_id"] not in map(wamid, erased)
        elif record.personal is not None:
            for key in keys.values():
                with pytest.raises(CannotOpen):
                    key.open(record.id, record.personal)


@pytest.mark.parametrize("seed", range(3))
async def test_no_byte_in_sqlites_files_leads_to_the_erased(tmp_path: Path, seed: int) -> None:
    store = await open_store(f"sqlite:///{tmp_path / 'gateway.db'}")
    erased = await played(store, seed)

    left = b"".join(path.read_bytes() for path in tmp_path.iterdir())
    await store.close()

    traces = [trace for phone in erased for trace in (customer_key(phone), phone, wamid(phone), masked(phone))]
    assert erased
    assert [trace for trace in traces if trace.encode() in left] == []
