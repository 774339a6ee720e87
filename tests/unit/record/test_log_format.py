"""docs/record-format.md is true about the cumulative log: its example is recomputed as the page says."""

import base64
import json
import re
from hashlib import sha256
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

PAGE = (Path(__file__).parents[3] / "docs" / "record-format.md").read_text("utf-8")
SECTION = PAGE.partition("## Cumulative log")[2].partition("\n## ")[0]
ENTRIES, LEAVES, NOTE, VKEYS = (block.splitlines() for block in re.findall(r"```text\n(.*?)```", SECTION, re.DOTALL))
KEY = next(json.loads(line) for line in PAGE.splitlines() if line.startswith('{"kind":"key"'))


def tree_hash(left: bytes, right: bytes) -> bytes:
    return sha256(b"\x01" + left + right).digest()


def leaves() -> list[bytes]:
    return [sha256(b"\x00" + entry.encode()).digest() for entry in ENTRIES]


def signature_of(line: str) -> tuple[str, bytes, bytes]:
    dash, name, encoded = line.split(" ")
    raw = base64.b64decode(encoded)
    assert dash == "\u2014"
    return name, raw[:4], raw[4:]


def test_the_leaves_are_those_of_the_entries() -> None:
    assert [leaf.hex() for leaf in leaves()] == LEAVES


def test_the_entries_are_those_of_the_example_chain() -> None:
    records = [json.loads(line) for line in PAGE.splitlines() if line.startswith('{"kind":"record"')]
    logged = [json.loads(entry) for entry in ENTRIES if entry.startswith("[")]

    assert logged == [["acc_1", each["seq"], each["hash"]] for each in records[:2]]


def test_the_start_is_signed_as_the_page_says() -> None:
    start = json.loads(ENTRIES[0])
    signature = base64.b64decode(start.pop("signature"))
    assert start.pop("kind") == "start"
    message = "gateway log start 1\n" + json.dumps(start, sort_keys=True, separators=(",", ":"))

    Ed25519PublicKey.from_public_bytes(base64.b64decode(KEY["public"])).verify(signature, message.encode())


def test_the_checkpoint_has_the_root_and_the_signature_of_the_log() -> None:
    origin, size, root = NOTE[:3]
    one, two, three, four = leaves()
    name, key_id, signature = signature_of(NOTE[4])
    public = base64.b64decode(KEY["public"])

    assert (size, NOTE[3], name) == ("4", "", origin)
    assert base64.b64decode(root) == tree_hash(tree_hash(one, two), tree_hash(three, four))
    assert key_id == sha256(origin.encode() + b"\n\x01" + public).digest()[:4]
    Ed25519PublicKey.from_public_bytes(public).verify(signature, f"{origin}\n{size}\n{root}\n".encode())


def test_the_cosignature_is_that_of_the_witness_s_verifier_key() -> None:
    name, key_id, signature = signature_of(NOTE[5])
    log_vkey, vkey = VKEYS
    key_name, hex_id, encoded = vkey.split("+", 2)
    raw = base64.b64decode(encoded)
    at = int.from_bytes(signature[:8], "big")
    message = f"cosignature/v1\ntime {at}\n" + "".join(f"{line}\n" for line in NOTE[:3])

    assert log_vkey.split("+", 2)[2] == base64.b64encode(b"\x01" + base64.b64decode(KEY["public"])).decode()
    assert (key_name, bytes.fromhex(hex_id), raw[:1]) == (name, key_id, b"\x04")
    assert key_id == sha256(name.encode() + b"\n\x04" + raw[1:]).digest()[:4]
    Ed25519PublicKey.from_public_bytes(raw[1:]).verify(signature[8:], message.encode())
