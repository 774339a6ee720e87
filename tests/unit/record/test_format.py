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


def by_the_page(seq: int, values: list[Any]) -> bytes:
    return json.dumps([1, seq, *values], ensure_ascii=False, separators=(",", ":")).encode()


def test_the_fields_are_those_of_the_table_in_its_order() -> None:
    rows = re.findall(r"^\| (\d+) \| `(\w+)`", PAGE, re.MULTILINE)

    assert [name for _, name in rows] == list(FIELDS)


def test_the_examples_hash_as_the_page_says() -> None:
    first, second = told("record")
    previous = sha256(b"\x02" + b"acc_1").hexdigest()

    for line in (first, second):
        form = by_the_page(line["seq"], list(line["record"].values()))
        assert line["previous"] == previous
        previous = sha256(b"\x00" + bytes.fromhex(previous) + form).hexdigest()
        assert line["hash"] == previous
    assert by_the_page(1, list(first["record"].values())).decode() == texts()[0]


def test_the_example_checkpoint_is_signed_as_the_page_says() -> None:
    (checkpoint,), (key,), records = told("checkpoint"), told("key"), told("record")
    fields = {name: value for name, value in checkpoint.items() if name not in {"kind", "signature"}}
    message = "gateway checkpoint 1\n" + json.dumps(fields, sort_keys=True, separators=(",", ":"))
    node = sha256(b"\x01" + b"".join(bytes.fromhex(record["hash"]) for record in records))

    public = Ed25519PublicKey.from_public_bytes(base64.b64decode(key["public"]))
    public.verify(base64.b64decode(checkpoint["signature"]), message.encode())

    assert message == texts()[1]
    assert checkpoint["root"] == node.hexdigest()
    assert checkpoint["head"] == records[-1]["hash"]


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


@given(st.integers(1, 2**53), st.lists(st.one_of(texts_of_any_kind, st.none(), st.integers(-(2**53), 2**53))))
def test_the_canonical_form_is_what_the_standard_library_writes(seq: int, values: list[Any]) -> None:
    assert canonical_bytes(seq, values) == by_the_page(seq, values)
