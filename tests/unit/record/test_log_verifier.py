"""Tampering with the cumulative log and with the chains that it holds: each is named, with its place if it has one."""

from collections.abc import Callable
from dataclasses import replace

import orjson
import pytest

from libs.record.canonical import genesis
from libs.record.checkpoints import purge_from
from libs.record.faults import FaultKind
from libs.record.keys import PublicKey, SigningKey
from libs.record.log_checkpoints import log_checkpoint
from libs.record.log_entries import (
    Span,
    Statement,
    leaf_hash,
    leaves_of,
    part_from_entry,
    parts_as_json,
    parts_from_json,
    purge_entry,
    restoration_entry,
    time_of,
)
from libs.record.log_exports import LogOfExport, log_checkpoint_line, log_line
from libs.record.log_starts import MOST_HEADS, start_of
from libs.record.log_verifier import LogVerifier
from libs.record.logged_chains import LoggedChain
from libs.record.merkle import EMPTY, Tree
from libs.record.restorations import Restoration
from libs.record.strict_json import parsed
from tests.unit.record.chains import KEY, KEYS, NOON, OTHER_KEY, a_chain, altered, rehashed, rewritten_from
from tests.unit.record.logs import ORIGIN, KeptLog, a_log, span_of

STRANGER = SigningKey("k1", b"s" * 32)


def a_sound_log() -> KeptLog:
    return a_log({"acc_1": 20, "acc_2": 6, "-": 3})


def test_a_sound_log_has_every_record() -> None:
    log = a_sound_log()

    verifier = log.verified()

    assert verifier.fault is None
    assert verifier.size == verifier.signed == 1 + 29 + 2
    assert verifier.waiting({"acc_1": 20, "acc_2": 6, "-": 3}) == 0


def test_records_that_are_not_logged_yet_are_counted_and_no_fault() -> None:
    verifier = a_log({"acc_1": 20, "acc_2": 6}, unlogged=2).verified()

    assert verifier.fault is None
    assert verifier.waiting({"acc_1": 20, "acc_2": 6}) == 4


def span_at(log: KeptLog, chain: str = "acc_1") -> int:
    return next(n for n, part in enumerate(log.parts) if isinstance(part, Span) and part.chain == chain)


def hide_a_record(log: KeptLog) -> None:
    at = span_at(log)
    part = log.parts[at]
    assert isinstance(part, Span)
    log.parts[at] = Span(part.chain, part.first, part.hashes[:96] + part.hashes[128:])


def drop_a_span(log: KeptLog) -> None:
    del log.parts[span_at(log)]


def change_a_hash(log: KeptLog) -> None:
    at = span_at(log)
    part = log.parts[at]
    assert isinstance(part, Span)
    log.parts[at] = replace(part, hashes=b"x" * 32 + part.hashes[32:])


def rename_a_chain(log: KeptLog) -> None:
    at = span_at(log, "acc_2")
    part = log.parts[at]
    assert isinstance(part, Span)
    log.parts[at] = replace(part, chain="acc_3")


def swap_spans(log: KeptLog) -> None:
    at = span_at(log)
    log.parts[at], log.parts[at + 1] = log.parts[at + 1], log.parts[at]


def cut_the_end(log: KeptLog) -> None:
    del log.parts[-3:]


def cut_everything(log: KeptLog) -> None:
    log.parts.clear()


def start_again(log: KeptLog) -> None:
    log.parts[:1] = start_of([], at=NOON, key=KEY)


def start_by_a_stranger(log: KeptLog) -> None:
    log.parts[:1] = start_of([], at=NOON, key=STRANGER)
    log.checkpoints.clear()
    log.sign()


def leave_the_start_out(log: KeptLog) -> None:
    del log.parts[0]
    log.checkpoints.clear()
    log.sign()


def sign_by_a_stranger(log: KeptLog) -> None:
    log.checkpoints.clear()
    log.sign(STRANGER)


def sign_another_root(log: KeptLog) -> None:
    log.checkpoints.append(log_checkpoint(ORIGIN, log.verified().size, b"r" * 32, KEY))


def sign_ahead(log: KeptLog) -> None:
    log.checkpoints.append(log_checkpoint(ORIGIN, 1_000, b"r" * 32, KEY))


def sign_the_empty_tree(log: KeptLog) -> None:
    log.checkpoints.append(log_checkpoint(ORIGIN, 0, b"r" * 32, KEY))


def set_the_time_back(log: KeptLog) -> None:
    log.parts[-1] = time_of(NOON - 1)
    log.checkpoints.clear()
    log.sign()


def repeat_records(log: KeptLog) -> None:
    log.parts.append(log.parts[span_at(log)])
    log.sign()


def leave_records_out(log: KeptLog) -> None:
    log.parts.append(Span("acc_1", 22, b"h" * 32))
    log.sign()


def invent_a_purge(log: KeptLog) -> None:
    checkpoint = a_chain(30).checkpoints[-1]
    log.parts.append(purge_entry(purge_from(checkpoint, at=NOON, key=STRANGER)))
    log.sign()


def a_restoration(key: SigningKey, *, seq: int = 4, head: bytes | None = None) -> Restoration:
    known = a_chain(20).links[seq - 1].hash if head is None else head
    unsigned = Restoration(
        chain="acc_1", at=NOON, key="", signature=b"", seq=seq, head=known, replaced=("ab" * 32,), reason="lost"
    )
    return unsigned.signed_with(key)


def invent_a_restoration(log: KeptLog) -> None:
    log.parts.append(restoration_entry(a_restoration(STRANGER)))
    log.sign()


def use_a_restoration_twice(log: KeptLog) -> None:
    log.parts += [restoration_entry(a_restoration(KEY)), restoration_entry(a_restoration(KEY))]
    log.sign()


def restore_to_another_record(log: KeptLog) -> None:
    log.parts.append(restoration_entry(a_restoration(KEY, head=b"x" * 32)))
    log.sign()


def state_something_else(log: KeptLog) -> None:
    log.parts.append(Statement('{"kind":"other"}'))
    log.sign()


def state_nonsense(log: KeptLog) -> None:
    log.parts.append(Statement("not JSON"))
    log.sign()


LOG_TAMPERINGS: list[tuple[Callable[[KeptLog], None], FaultKind]] = [
    (hide_a_record, FaultKind.LOG_REWRITTEN),
    (drop_a_span, FaultKind.LOG_GAP),
    (change_a_hash, FaultKind.LOG_REWRITTEN),
    (rename_a_chain, FaultKind.LOG_REWRITTEN),
    (swap_spans, FaultKind.LOG_REWRITTEN),
    (cut_the_end, FaultKind.LOG_TRUNCATED),
    (cut_everything, FaultKind.LOG_TRUNCATED),
    (start_again, FaultKind.LOG_REWRITTEN),
    (start_by_a_stranger, FaultKind.FORGED_LOG),
    (leave_the_start_out, FaultKind.LOG_REWRITTEN),
    (sign_by_a_stranger, FaultKind.FORGED_LOG),
    (sign_another_root, FaultKind.LOG_REWRITTEN),
    (sign_ahead, FaultKind.LOG_TRUNCATED),
    (sign_the_empty_tree, FaultKind.LOG_REWRITTEN),
    (set_the_time_back, FaultKind.LOG_REWRITTEN),
    (repeat_records, FaultKind.LOG_GAP),
    (leave_records_out, FaultKind.LOG_GAP),
    (invent_a_purge, FaultKind.FORGED_LOG),
    (invent_a_restoration, FaultKind.FORGED_LOG),
    (use_a_restoration_twice, FaultKind.FORGED_LOG),
    (restore_to_another_record, FaultKind.FORGED_LOG),
    (state_something_else, FaultKind.LOG_REWRITTEN),
    (state_nonsense, FaultKind.LOG_REWRITTEN),
]


@pytest.mark.parametrize(("tamper", "kind"), LOG_TAMPERINGS, ids=[each.__name__ for each, _ in LOG_TAMPERINGS])
def test_tampering_with_the_log_is_named(tamper: Callable[[KeptLog], None], kind: FaultKind) -> None:
    log = a_sound_log()

    tamper(log)

    fault = log.verified().fault
    assert fault is not None
    assert fault.kind is kind


def test_a_fork_contradicts_a_checkpoint_that_somebody_kept() -> None:
    kept = a_sound_log().checkpoints[0]
    fork = a_log({"acc_1": 20, "acc_2": 6, "-": 3})
    change_a_hash(fork)
    fork.checkpoints.clear()
    fork.sign()

    fault = fork.verified([kept]).fault

    assert fault is not None
    assert fault.kind is FaultKind.LOG_REWRITTEN


def test_a_chain_that_was_rewritten_with_valid_hashes_is_named_with_its_seq() -> None:
    log = a_sound_log()
    links = log.chains["acc_1"]
    log.chains["acc_1"] = [*links[:6], *rewritten_from([rehashed(altered(links[6])), *links[7:]])]

    fault = log.verified().fault

    assert fault is not None
    assert (fault.kind, fault.chain, fault.seq, fault.record_id) == (
        FaultKind.LOG_CONTRADICTED,
        "acc_1",
        7,
        "record-7",
    )


def test_a_cut_chain_and_a_missing_chain_are_named() -> None:
    cut, gone = a_sound_log(), a_sound_log()
    del cut.chains["acc_1"][15:]
    del gone.chains["acc_2"]

    (first, second) = (cut.verified().fault, gone.verified().fault)

    assert first is not None
    assert (first.kind, first.chain, first.seq) == (FaultKind.LOG_CONTRADICTED, "acc_1", 16)
    assert second is not None
    assert (second.kind, second.chain, second.seq) == (FaultKind.LOG_CONTRADICTED, "acc_2", 1)


def test_a_restored_chain_goes_on_after_its_statement() -> None:
    log = a_sound_log()
    log.parts.append(restoration_entry(a_restoration(KEY)))
    links = log.chains["acc_1"]
    log.chains["acc_1"] = [*links[:4], *rewritten_from([rehashed(altered(links[4])), *links[5:9]])]
    log.parts += [span_of(log.chains["acc_1"][4:], "acc_1"), time_of(NOON + 50)]
    log.sign()

    assert log.verified().fault is None


def test_a_purged_chain_that_was_never_logged_begins_after_its_purge() -> None:
    kept = a_chain(20)
    purge = purge_from(kept.checkpoints[1], at=NOON, key=KEY)
    log = KeptLog([*start_of([], at=NOON, key=KEY)], chains={"acc_1": kept.links[10:]})
    log.parts += [purge_entry(purge), span_of(kept.links[10:], "acc_1"), time_of(NOON)]
    log.sign()

    assert log.verified().fault is None


def test_a_checkpoint_after_its_key_was_retired_is_named_by_the_time_in_the_log() -> None:
    log = a_sound_log()
    log.sign(OTHER_KEY)

    def verify(retired_at: int) -> LogVerifier:
        retired = PublicKey(OTHER_KEY.kid, OTHER_KEY.public, retired_at)
        keys = {**KEYS, OTHER_KEY.kid: retired}
        verifier = LogVerifier(ORIGIN, keys=keys, checkpoints=log.checkpoints)
        verifier.parts(log.parts)
        return verifier

    assert verify(NOON + 10).fault is None
    fault = verify(NOON + 9).fault
    assert fault is not None
    assert fault.kind is FaultKind.RETIRED_KEY


def test_a_log_that_begins_with_many_chains_names_them_in_several_statements() -> None:
    heads = [(f"acc_{n}", 1, "ab" * 32) for n in range(MOST_HEADS * 2 + 1)]
    log = KeptLog([*start_of(heads, at=NOON, key=KEY), time_of(NOON)])
    log.sign()

    assert len(log.parts) == 4
    assert log.verified().fault is None
    assert all(len(entry) < 1 << 16 for part in log.parts for entry in part.entries())

    del log.parts[2]
    log.checkpoints.clear()
    log.sign()
    fault = log.verified().fault
    assert fault is not None
    assert fault.kind is FaultKind.LOG_REWRITTEN


def test_parts_survive_their_stored_form_and_entries_lead_back_to_parts() -> None:
    log = a_sound_log()

    assert list(parts_from_json(parts_as_json(log.parts))) == log.parts
    for part in log.parts:
        for number, entry in enumerate(part.entries()):
            found = part_from_entry(entry)
            assert next(found.entries()) == entry
            if isinstance(part, Span):
                assert found == Span(part.chain, part.first + number, part.hashes[number * 32 : number * 32 + 32])


@pytest.mark.parametrize(
    "body",
    [
        None,
        [{"chain": "a", "first": 1}],
        [{"chain": "a", "first": 1, "hashes": "AAAA"}],
        [{"chain": "a", "first": "1", "hashes": ""}],
        [{"statement": 1}],
        [{"statement": "{}", "chain": "a"}],
    ],
)
def test_stored_parts_that_somebody_else_wrote_are_refused(body: object) -> None:
    with pytest.raises(ValueError, match="log"):
        parts_from_json(body)


def exported(log: KeptLog) -> LogOfExport:
    read = LogOfExport(KEYS)
    newest = log.checkpoints[-1]
    read.read(parsed(log_checkpoint_line(newest.size, str(newest.note), None)))
    read.read(parsed(log_line(0, log.parts)))
    for chain, links in log.chains.items():
        read.chains_begin()
        read.links(chain, links)
        read.chain_end(chain, links[-1].seq)
    read.end()
    return read


def test_an_export_has_the_log_and_names_what_is_hidden_from_it() -> None:
    sound, hidden = a_sound_log(), a_sound_log()
    del hidden.chains["acc_2"]

    assert exported(sound).fault is None
    assert (exported(sound).as_json() or {})["unlogged"] == 0
    fault = exported(hidden).fault
    assert fault is not None
    assert fault.kind is FaultKind.LOG_CONTRADICTED


def test_an_export_without_a_log_that_somebody_knows_of_is_truncated() -> None:
    log = a_sound_log()
    read = LogOfExport(KEYS, log.checkpoints)

    read.end()

    assert read.fault is not None
    assert read.fault.kind is FaultKind.LOG_TRUNCATED


def test_lines_of_the_log_that_are_out_of_place_are_refused() -> None:
    log = a_sound_log()
    newest = log.checkpoints[-1]
    checkpoint = parsed(log_checkpoint_line(newest.size, str(newest.note), None))
    read = LogOfExport(KEYS)

    with pytest.raises(ValueError, match="without a checkpoint"):
        read.read(parsed(log_line(0, log.parts)))
    read.read(checkpoint)
    with pytest.raises(ValueError, match="missing"):
        read.read(parsed(log_line(5, log.parts)))
    read.read(parsed(log_line(0, log.parts)))
    with pytest.raises(ValueError, match="out of place"):
        read.read(checkpoint)
    read.chains_begin()
    with pytest.raises(ValueError, match="out of place"):
        read.read(parsed(log_line(0, log.parts)))


def test_the_empty_root_is_the_hash_of_nothing() -> None:
    log = KeptLog([])
    log.checkpoints.append(log_checkpoint(ORIGIN, 0, EMPTY, KEY))

    assert log.verified().signed == 0


@pytest.mark.parametrize("chain", ["acc_1", "-", 'a "quoted" one', "100%d of %b", "Zürich • 上海"])
def test_the_leaves_of_records_are_those_of_their_entries(chain: str) -> None:
    span = Span(chain, 98, b"".join(bytes([n]) * 32 for n in range(5)))

    assert span.leaves() == [leaf_hash(entry) for entry in span.entries()]
    assert orjson.loads(list(span.entries())[2]) == [chain, 100, (b"\x02" * 32).hex()]


def test_a_checkpoint_between_the_records_of_one_part_is_compared() -> None:
    log = a_sound_log()
    tree = Tree()
    tree.extend(leaves_of(log.parts)[:7])

    assert log.verified([log_checkpoint(ORIGIN, 7, tree.root(), KEY)]).fault is None
    fault = log.verified([log_checkpoint(ORIGIN, 7, b"r" * 32, KEY)]).fault

    assert fault is not None
    assert (fault.kind, fault.seq) == (FaultKind.LOG_REWRITTEN, 7)


H = [bytes([n]) * 32 for n in range(9)]


@pytest.mark.parametrize(
    ("places", "expected"),
    [
        pytest.param([(5, H[0]), (6, H[1]), (7, H[2])], None, id="a run of the log"),
        pytest.param([(6, H[1]), (8, H[3])], None, id="records that are missing are not for the log to name"),
        pytest.param([(3, H[8]), (4, H[8]), (5, H[0])], None, id="what is before the log's beginning"),
        pytest.param([(8, H[3]), (9, H[8])], None, id="what is behind the log's end"),
        pytest.param([(5, H[0]), (6, H[2])], 1, id="another hash"),
        pytest.param([(5, H[0]), (5, H[8]), (7, H[2])], 1, id="two records at one place"),
        pytest.param([(5, H[0] + b"x"), (6, H[1][1:])], 0, id="hashes of other lengths that join to the same bytes"),
        pytest.param([(5, "text"), (6, H[1])], 0, id="a text as a hash"),
        pytest.param([(5, None)], 0, id="no hash"),
        pytest.param([("5", H[8]), (5.0, H[8]), (None, H[8])], None, id="places that are no numbers"),
        pytest.param([], None, id="nothing"),
    ],
)
def test_the_first_record_that_is_not_the_logs_is_found(places: list[tuple[object, object]], expected: int) -> None:
    logged = LoggedChain(4, bytearray(b"".join(H[:4])))

    assert logged.differing(places) == expected


def test_a_restoration_before_the_position_lets_the_chain_go_on_from_there() -> None:
    log = a_sound_log()
    verified = log.verified()
    later = LogVerifier(ORIGIN, keys=KEYS, start=verified.position)

    later.parts([restoration_entry(a_restoration(KEY)), Span("acc_1", 5, b"h" * 64)])
    later.parts([restoration_entry(a_restoration(KEY))])

    assert later.chains["acc_1"].last == 6
    assert later.fault is not None
    assert later.fault.kind is FaultKind.FORGED_LOG  # the statement counts once


def test_a_chain_that_was_restored_to_its_beginning_after_a_purge_begins_anew() -> None:
    kept = a_chain(20)
    purge = purge_from(kept.checkpoints[1], at=NOON, key=KEY)
    verifier = LogVerifier(ORIGIN, keys=KEYS)
    verifier.parts([*start_of([], at=NOON, key=KEY), purge_entry(purge), Span("acc_1", purge.seq + 1, b"h" * 640)])
    stated = a_restoration(KEY, seq=0, head=genesis("acc_1"))

    verifier.parts([restoration_entry(stated), Span("acc_1", 1, b"i" * 32)])

    assert verifier.fault is None
    assert (verifier.chains["acc_1"].base, verifier.chains["acc_1"].last) == (0, 1)
