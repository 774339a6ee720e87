"""A verifier that was written from docs/record-format.md alone agrees with the gateway's own, on both formats."""

import base64
import json
import re
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import orjson
import pytest

from libs.record.exports import ExportVerifier
from libs.record.keys import PublicKeys
from tests.unit.record.chains import KEY, KEYS, NOON, Kept, a_chain, purged, rewritten_from, seal
from tests.unit.record.independent_verifier import Verifier, log_checkpoint
from tests.unit.record.test_exports import exported
from tests.unit.record.test_format import PAGE

RETIRED = {**KEYS, "k1": replace(KEYS["k1"], retired_at=NOON + 2_500)}


def newer(kept: Kept, first: int) -> Kept:
    """The chain with records of format 2 from `first` on, chained and signed anew."""
    for at in range(first - 1, len(kept.links)):
        told = [*kept.links[at].values[:-2], "policy", NOON + at]
        kept.links[at] = kept.links[at]._replace(values=told)
    kept.links[:] = rewritten_from(kept.links)
    covered = kept.checkpoints[-1].last if kept.checkpoints else 0
    kept.checkpoints.clear()
    for start in range(0, covered, 5):
        seal(kept, kept.links[start : min(start + 5, covered)])
    return kept


def first_format(lines: list[bytes]) -> list[bytes]:
    """The same export as gateways made it before format 2."""
    told = [json.loads(line) for line in lines]
    for line in told:
        if line["kind"] == "header":
            line["export"] = "gateway-record-export/1"
        line.pop("head", None) if line["kind"] == "chain" else None
    return [orjson.dumps(line) + b"\n" for line in told]


def both(lines: list[bytes], shipped: list[Any] | None = None, keys: PublicKeys = KEYS) -> tuple[str, str]:
    """What the gateway's verifier says, and what the stranger's says."""
    own = ExportVerifier(keys, shipped or [])
    list(own.feed(lines))
    result = own.end()
    told = f"ok {result.state.value}" if result.first_fault is None else result.first_fault.kind.value
    stranger = Verifier([key.as_json() for key in keys.values()], [each.as_json() for each in shipped or []])
    return told, stranger.export(lines)


SOUND: dict[str, tuple[list[bytes], list[Any], str]] = {}
_sealed, _mixed = a_chain(12), newer(a_chain(17), 6)
SOUND["format 1 sealed and shipped"] = (exported(_sealed), [*_sealed.checkpoints], "ok sealed")
SOUND["format 1 in an export of format 1"] = (first_format(exported(a_chain(12))), [], "ok unshipped")
SOUND["both formats in one chain"] = (exported(_mixed), [*_mixed.checkpoints], "ok sealed")
SOUND["format 2, a tail without a checkpoint"] = (exported(newer(a_chain(17, checkpointed=10), 1)), [], "ok unsealed")
SOUND["purged"] = (exported(purged(newer(a_chain(17), 4), 2)), [], "ok unshipped")
SOUND["a purge that was interrupted"] = (exported(purged(newer(a_chain(17), 4), 2, left=3)), [], "ok unshipped")
SOUND["wholly purged"] = (exported(purged(a_chain(10), 2)), [], "ok unshipped")
SOUND["no account's"] = (exported(newer(a_chain(7, chain="-"), 3), a_chain(3, chain="acc_ü")), [], "ok unshipped")
SOUND["nothing"] = (exported(), [], "ok sealed")


@pytest.mark.parametrize(("lines", "shipped", "expected"), SOUND.values(), ids=SOUND)
def test_both_verifiers_accept_every_sound_export(lines: list[bytes], shipped: list[Any], expected: str) -> None:
    assert both(lines, shipped) == (expected, expected)


def edited(kind: str, at: int, change: Callable[[dict[str, Any]], Any]) -> Callable[[list[bytes]], list[bytes]]:
    def edit(lines: list[bytes]) -> list[bytes]:
        told = [json.loads(line) for line in lines]
        chosen = [line for line in told if line["kind"] == kind][at]
        change(chosen)
        return [orjson.dumps(line) + b"\n" for line in told]

    return edit


def repeated(lines: list[bytes]) -> list[bytes]:
    return [line.replace(b'"kind":"record",', b'"kind":"record","seq":9,', 1) for line in lines]


def forged(name: str) -> Callable[[list[bytes]], list[bytes]]:
    return edited("record", 9, lambda line: line["record"].update({name: "forged"}))


def resealed(name: str, value: object) -> Callable[[list[bytes]], list[bytes]]:
    return edited("checkpoint", 1, lambda line: line.update({name: value}))


OTHER = {"root": "00" * 32, "head": "00" * 32, "at": 1, "last": 7, "key": "k9"}
EDITS: dict[str, Callable[[list[bytes]], list[bytes]]] = {
    **{f"another {name}": forged(name) for name in ("id", "type", "code", "details", "producer", "account_id")},
    "another time of recording": edited("record", 9, lambda line: line["record"].update(recorded_at=1)),
    "a time that is no integer": edited("record", 9, lambda line: line["record"].update(at=float(NOON))),
    "a record without its producer": edited("record", 9, lambda line: line["record"].pop("producer")),
    "an unknown name in a record": edited("record", 9, lambda line: line["record"].update(note=1)),
    "an unknown name in a line": edited("record", 9, lambda line: line.update(note=1)),
    "an unknown name in a checkpoint": edited("checkpoint", 1, lambda line: line.update(note=1)),
    "an unknown name in the header": edited("header", 0, lambda line: line.update(note=1)),
    "a repeated name": repeated,
    "another hash": edited("record", 9, lambda line: line.update(hash="00" * 32)),
    **{f"a checkpoint's {name}": resealed(name, value) for name, value in OTHER.items()},
    "the stored end's hash": edited("chain", 0, lambda line: line.update(head="00" * 32)),
    "the stored end's seq": edited("chain", 0, lambda line: line.update(seq=18)),
    "a stray record": edited("chain", 0, lambda line: line.update(stray="x")),
    "no end": lambda lines: lines[:-1],
    "no header": lambda lines: lines[1:],
    "half a line": lambda lines: [*lines[:-1], lines[-1][:9]],
    "a line less": lambda lines: [line for line in lines if b'"seq":17,' not in line or b'"kind":"chain"' in line],
    "a checkpoint less": lambda lines: [line for line in lines if b'"number":2' not in line],
}


@pytest.mark.parametrize("edit", EDITS.values(), ids=EDITS)
def test_both_verifiers_name_a_fault_in_every_changed_export(edit: Callable[[list[bytes]], list[bytes]]) -> None:
    own, strangers = both(edit(exported(newer(a_chain(17), 6))))

    assert not own.startswith("ok")
    assert not strangers.startswith("ok")


def test_both_verifiers_compare_with_what_was_shipped() -> None:
    shipped = [*newer(a_chain(17), 6).checkpoints]
    forged = newer(a_chain(17), 5)
    short = newer(a_chain(17), 6)
    short.checkpoints.pop()

    assert both(exported(forged), shipped) == ("rewritten", "rewritten")
    assert both(exported(short), shipped) == ("removed_checkpoint", "removed_checkpoint")
    assert both(exported(), shipped) == ("truncated", "truncated")


def test_both_verifiers_refuse_a_retired_key_that_was_used_later_or_backdated() -> None:
    backdated = newer(a_chain(10, checkpointed=0), 1)
    backdated.links = [each._replace(values=[*each.values[:-1], NOON + 9_000]) for each in backdated.links]
    backdated.links = rewritten_from(backdated.links)
    seal(backdated, backdated.links)

    assert both(exported(newer(a_chain(15), 6)), keys=RETIRED) == ("retired_key", "retired_key")
    assert both(exported(backdated), keys=RETIRED) == ("retired_key", "retired_key")
    assert (
        both(exported(newer(a_chain(10), 6)), keys=RETIRED)[0] == both(exported(newer(a_chain(10), 6)), keys=RETIRED)[1]
    )


def test_the_pages_example_of_the_log_is_valid_for_a_stranger() -> None:
    section = PAGE.partition("## Cumulative log")[2]
    entries, _, note, verifier_keys = re.findall(r"```text\n(.*?)```", section, re.DOTALL)[:4]
    keys = {}
    for line in verifier_keys.splitlines():
        name, _, public = line.split("+", 2)
        keys[name] = base64.b64decode(public)

    assert log_checkpoint(note, entries.splitlines(), keys)
    assert not log_checkpoint(note, entries.splitlines()[::-1], keys)
    assert KEY.public in {public[1:] for public in keys.values()}
