"""Records of both formats stand in one chain on every store: written by audit, signed, exported, proven and read."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

from libs.chassis.subscriptions import Received
from libs.contracts.events import Event, RecordsPurged
from libs.contracts.identity import Pseudonyms
from libs.record.canonical import FIELDS, FIELDS_1, body_of
from libs.record.checkpoints import Checkpoint
from libs.record.exports import ExportVerifier, chain_line, checkpoint_line, end_line, head_lines, record_lines
from libs.record.proofs import proof_from, verify_proof
from libs.store.chains import read_chain
from libs.store.records import RecordFilter
from libs.store.sealer import sealer_from
from libs.store.store import Store
from libs.store.verification import verify
from services.audit.adapters.subject_keys import CachedSubjectKeys
from services.audit.handlers.new_customers import NewCustomers
from services.audit.handlers.records import RecordEvents
from tests.contract.store.builders import NOW, a_record, after
from tests.contract.store.test_chains import seal
from tests.unit.record.chains import KEYS
from tests.unit.record.independent_verifier import Verifier

SECRET_KEYS = "k1:" + "A" * 43 + "="
RECORDED = NOW + timedelta(hours=3)


def received(id_: UUID, *, backdated: bool = False) -> Received[Event]:
    event = RecordsPurged(account_id="acc-1", up_to=7, count=7, before=NOW)
    return Received(event=event, id=id_, at=NOW, producer="audit", backdated=backdated)


async def recorded(store: Store, batch: Sequence[Received[Event]]) -> None:
    keys = CachedSubjectKeys(store.subjects, sealer_from(SECRET_KEYS))
    new_customers = NewCustomers(store.erased_customers)
    await RecordEvents(store.records, keys, Pseudonyms(b"key"), new_customers, clock=lambda: RECORDED)(batch)


async def export_of(store: Store) -> list[bytes]:
    lines = [head_lines(KEYS, records=0, at="2026-11-28T12:00:00Z")]
    heads = await store.chains.heads()
    for head in heads:
        lines.append(chain_line(head.chain, head.seq, head.purge, head.stray, head.restorations, tail=head.hash))
        lines += [
            checkpoint_line(step) if isinstance(step, Checkpoint) else record_lines(step)
            async for step in read_chain(store.chains, store.checkpoints, head)
        ]
    return b"".join([*lines, end_line(len(heads))]).splitlines(keepends=True)


async def test_audit_writes_who_published_an_event_and_when_it_was_recorded(store: Store) -> None:
    plain, flagged = uuid4(), uuid4()
    await store.records.append([a_record("of format 1", at=after(1))])

    await recorded(store, [received(plain), received(flagged, backdated=True)])
    await recorded(store, [received(plain)])

    page = await store.records.page(RecordFilter(account_id="acc-1"), limit=10, cursor=None)
    found = {each.id: each for each in page.items}
    assert (found["of format 1"].producer, found["of format 1"].recorded_at) == (None, None)
    assert (found[str(plain)].producer, found[str(plain)].recorded_at) == ("audit", RECORDED)
    assert (found[str(plain)].at, found[str(plain)].details.get("backdated")) == (NOW, None)
    assert found[str(flagged)].details["backdated"] is True
    assert len(found) == 3


async def test_a_chain_of_both_formats_is_signed_exported_and_proven(store: Store) -> None:
    await store.records.append([a_record(f"old-{n}", at=after(n)) for n in range(4)])
    await recorded(store, [received(uuid4(), backdated=n == 1) for n in range(4)])
    await store.records.append([a_record("an old replica's", at=after(9))])
    shipped = await seal(store)
    lines = await export_of(store)

    result = await verify(store.chains, store.checkpoints, keys=KEYS, shipped=shipped)
    offline = ExportVerifier(KEYS, shipped)
    list(offline.feed(lines))
    links: Any = await store.chains.links("acc-1", after=None, limit=100)
    proofs = [
        proof_from(link, [each.hash for each in links[c.first - 1 : c.last]], c)
        for c in shipped
        for link in links[c.first - 1 : c.last]
    ]

    strangers = Verifier([key.as_json() for key in KEYS.values()], [each.as_json() for each in shipped])
    assert (result.ok, result.state, result.records, result.backdated) == (True, "sealed", 9, 1)
    assert offline.end() == result
    assert strangers.export(lines) == "ok sealed"
    assert [len(body_of(link.values)) for link in links] == [14] * 4 + [16] * 4 + [14]
    assert all(verify_proof(proof, KEYS).ok for proof in proofs)
    assert (len(FIELDS_1), len(FIELDS), len(proofs)) == (14, 16, 9)
