"""docs/record-format.md is true: its examples are recomputed as it says, with the standard library alone."""

import base64
import json
import re
from hashlib import sha256
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from hypothesis import given
from hypothesis import strategies as st

from libs.record.canonical import FIELDS, canonical_bytes
from libs.record.faults import FaultKind

PAGE = (Path(__file__).parents[3] / "docs" / "record-format.md").read_text("utf-8")


def told(kind: str) -> list[dict[str, Any]]:
    blocks = re.findall(r"```jsonl\n(.*?)```", PAGE, re.DOTALL)
    lines = [json.loads(line) for block in blocks for line in block.splitlines()]
    return [line for line in lines if line["kind"] == kind]


def texts() -> list[str]:
    return [block.rstrip("\n") for block in re.findall(r"```text\n(.*?)```", PAGE, re.DOTALL)]


def by_the_page(seq: int, values: list[Any], format_: int = 1) -> bytes:
    return json.dumps([format_, seq, *values], ensure_ascii=False, separators=(",", ":")).encode()


def test_the_fields_are_those_of_the_table_in_its_order() -> None:
    rows = re.findall(r"^\| (\d+) \| `(\w+)`", PAGE, re.MULTILINE)

    assert [name for _, name in rows] == list(FIELDS)


def test_the_examples_hash_as_the_page_says() -> None:
    records = told("record")
    previous = sha256(b"\x02" + b"acc_1").hexdigest()

    for line in records:
        format_ = 2 if "producer" in line["record"] else 1
        form = by_the_page(line["seq"], list(line["record"].values()), format_)
        assert line["previous"] == previous
        previous = sha256(b"\x00" + bytes.fromhex(previous) + form).hexdigest()
        assert line["hash"] == previous
    first, _, third = records
    assert by_the_page(1, list(first["record"].values())).decode() == texts()[0].splitlines()[0]
    assert by_the_page(3, list(third["record"].values()), 2).decode() == texts()[0].splitlines()[1]


def test_the_example_checkpoint_is_signed_as_the_page_says() -> None:
    (checkpoint,), (key,), records = told("checkpoint"), told("key"), told("record")
    fields = {name: value for name, value in checkpoint.items() if name not in {"kind", "signature"}}
    message = "gateway checkpoint 1\n" + json.dumps(fields, sort_keys=True, separators=(",", ":"))
    node = sha256(b"\x01" + b"".join(bytes.fromhex(record["hash"]) for record in records[:2]))

    public = Ed25519PublicKey.from_public_bytes(base64.b64decode(key["public"]))
    public.verify(base64.b64decode(checkpoint["signature"]), message.encode())

    assert message == texts()[1]
    assert checkpoint["root"] == node.hexdigest()
    assert checkpoint["head"] == records[1]["hash"]


def test_the_example_restoration_is_signed_as_the_page_says() -> None:
    (restoration,), (key,) = told("restoration"), told("key")
    fields = {name: value for name, value in restoration.items() if name not in {"kind", "signature"}}
    message = "gateway restoration 1\n" + json.dumps(fields, sort_keys=True, separators=(",", ":"))

    public = Ed25519PublicKey.from_public_bytes(base64.b64decode(key["public"]))
    public.verify(base64.b64decode(restoration["signature"]), message.encode())

    assert message == texts()[2]


def test_every_kind_of_fault_is_on_the_page() -> None:
    faults = PAGE.partition("## Faults")[2]

    assert [kind for kind in FaultKind if f"`{kind.value}`" not in faults] == []


texts_of_any_kind = st.text(st.characters(exclude_categories=["Cs"]))


some = st.one_of(texts_of_any_kind, st.none(), st.integers(-(2**53), 2**53))


@given(st.integers(1, 2**53), st.lists(some, min_size=14, max_size=14), texts_of_any_kind, st.integers(0, 2**53))
def test_the_canonical_form_is_what_the_standard_library_writes(
    seq: int, values: list[Any], producer: str, recorded_at: int
) -> None:
    newer = [*values, producer, recorded_at]

    assert canonical_bytes(seq, [*values, None, None]) == by_the_page(seq, values)
    assert canonical_bytes(seq, newer) == by_the_page(seq, newer, 2)
