"""An export verifies offline with nothing but itself and the public keys, and gives away whatever was done to it."""

import json
from collections.abc import Callable

import orjson
import pytest

from libs.record.exports import (
    ExportVerifier,
    chain_line,
    checkpoint_line,
    end_line,
    head_lines,
    record_lines,
    shipped_checkpoints_from,
)
from libs.record.faults import FaultKind, VerificationResult
from libs.record.keys import public_keys_from
from tests.unit.record.chains import KEYS, Kept, a_chain, purged


def exported(*chains: Kept) -> list[bytes]:
    """The lines of an export of these chains."""
    parts = [head_lines(KEYS, records=sum(len(kept.links) for kept in chains), at="2026-11-23T12:00:00Z")]
    for kept in chains:
        parts += [chain_line(kept.chain, kept.claimed or 0, kept.purge), *map(checkpoint_line, kept.checkpoints)]
        parts.append(record_lines(kept.links))
    return b"".join([*parts, end_line(len(chains))]).splitlines(keepends=True)


def verdict_of(lines: list[bytes], shipped: list[object] | None = None) -> VerificationResult:
    verifier = ExportVerifier(KEYS, shipped or [])  # type: ignore[arg-type]  # a table of cases
    for _ in verifier.feed(lines):
        pass
    return verifier.end()


def two_chains() -> list[bytes]:
    return exported(a_chain(12), a_chain(1200, every=500, checkpointed=1000, chain="acc_2"))


def test_an_export_is_sound_and_tells_how_much_it_holds() -> None:
    verdict = verdict_of(two_chains())

    assert verdict.ok
    assert (verdict.chains, verdict.records, verdict.checkpointed, verdict.checkpoints) == (2, 1212, 1012, 5)


def test_an_export_of_a_purged_chain_is_sound() -> None:
    assert verdict_of(exported(purged(a_chain(17), 2))).ok


def test_an_export_of_nothing_is_sound() -> None:
    assert verdict_of(exported()).ok


def test_the_keys_in_an_export_are_those_that_the_gateway_shows() -> None:
    verifier = ExportVerifier(KEYS)
    list(verifier.feed(two_chains()))

    assert public_keys_from(verifier.listed_keys) == KEYS
    assert verifier.announced_records == 1212


def test_progress_is_told_while_it_goes_on() -> None:
    assert {12, 1012, 1212} <= set(ExportVerifier(KEYS).feed(two_chains()))


def with_code(line: bytes) -> bytes:
    told = json.loads(line)
    told["record"]["code"] = "blocked"
    return orjson.dumps(told) + b"\n"


RECORD = 2 + 1 + 1 + 3
"""The line of the first chain's first record: after a header, two keys, the chain and three checkpoints."""
Edit = Callable[[list[bytes]], list[bytes]]


@pytest.mark.parametrize(
    ("edit", "expected"),
    [
        pytest.param(
            lambda e: [*e[: RECORD + 3], with_code(e[RECORD + 3]), *e[RECORD + 4 :]],
            (FaultKind.ALTERED, 4),
            id="a record says something else",
        ),
        pytest.param(lambda e: e[: RECORD + 3] + e[RECORD + 4 :], (FaultKind.REMOVED, 4), id="a record is left out"),
        pytest.param(
            lambda e: [*e[: RECORD + 3], e[RECORD + 4], e[RECORD + 3], *e[RECORD + 5 :]],
            (FaultKind.REORDERED, 4),
            id="two lines change places",
        ),
        pytest.param(
            lambda e: [*e[: RECORD + 3], *e[RECORD + 2 :]],
            (FaultKind.INSERTED, 4),
            id="a line comes twice",
        ),
        pytest.param(lambda e: e[:-1], (FaultKind.INCOMPLETE, None), id="it has no end"),
        pytest.param(lambda e: e[: RECORD + 3], (FaultKind.INCOMPLETE, None), id="it breaks off"),
        pytest.param(
            lambda e: [*e[: RECORD + 3], e[RECORD + 3][:40]], (FaultKind.INCOMPLETE, None), id="it breaks off in a line"
        ),
        pytest.param(lambda e: [*e, e[RECORD]], (FaultKind.INCOMPLETE, None), id="something follows the end"),
        pytest.param(lambda e: [*e[:-1], *e[3:]], (FaultKind.INCOMPLETE, None), id="a chain comes twice"),
        pytest.param(lambda e: [*e[:-1], end_line(2)], (FaultKind.INCOMPLETE, None), id="chains are left out"),
        pytest.param(lambda e: [b"junk\n", *e], (FaultKind.INCOMPLETE, None), id="a line is junk"),
        pytest.param(lambda e: [b"[1]\n", *e], (FaultKind.INCOMPLETE, None), id="a line is no object"),
        pytest.param(lambda e: [], (FaultKind.INCOMPLETE, None), id="it is empty"),
    ],
)
def test_whatever_is_done_to_an_export_is_found(edit: Edit, expected: tuple[FaultKind, int | None]) -> None:
    lines = exported(a_chain(12, every=5, checkpointed=12))

    fault = verdict_of(edit(lines)).first_fault

    assert fault is not None
    assert (fault.kind, fault.seq) == expected


def test_a_newest_checkpoint_that_is_left_out_is_missed_where_it_was_shipped() -> None:
    kept = a_chain(12)
    lines = exported(kept)
    del lines[RECORD - 1]

    alone, compared = verdict_of(lines), verdict_of(lines, [*kept.checkpoints])

    assert (alone.ok, alone.checkpointed) == (True, 10)
    assert compared.first_fault is not None
    assert compared.first_fault.kind is FaultKind.REMOVED_CHECKPOINT


def test_a_chain_that_is_left_out_is_missed_where_it_was_shipped() -> None:
    gone = a_chain(5, chain="acc_3")

    fault = verdict_of(two_chains(), [*gone.checkpoints]).first_fault

    assert fault is not None
    assert (fault.kind, fault.chain) == (FaultKind.TRUNCATED, "acc_3")


def test_shipped_checkpoints_are_read_whatever_a_crash_left_between_them() -> None:
    kept = a_chain(12)
    lines = [orjson.dumps(c.as_json()) + b"\n" for c in kept.checkpoints]

    found = shipped_checkpoints_from(
        [lines[0], lines[1][:30] + b"\n", b"\n", lines[1], lines[1], b'{"event":"x"}\n', lines[2][:9]]
    )

    assert found == kept.checkpoints[:2]
