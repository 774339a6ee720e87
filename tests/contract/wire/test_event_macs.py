"""The codes of events look as they always did: computed here anew, from the words of docs/event-format.md alone."""

import base64
import hashlib
import hmac
import json
from pathlib import Path

from libs.chassis.event_keys import SERVICES, event_keys_from

GOLDEN = Path(__file__).parent / "golden_macs.json"


def netstring(*texts: str) -> bytes:
    return b"".join(b"%d:%b," % (len(text.encode()), text.encode()) for text in texts)


def stranger_pair_key(key: bytes, producer: str, key_id: str, reader: str) -> bytes:
    covered = b"whatsapp-gateway event pair key 1\n" + netstring(producer, key_id, reader)
    return hmac.new(key, covered, hashlib.sha256).digest()


def stranger_mac(pair_key: bytes, producer: str, key_id: str, parts: list[str], body: bytes) -> str:
    covered = b"whatsapp-gateway event 1\n" + netstring(producer, key_id, *parts) + b"%d:" % len(body) + body
    mac = hmac.new(pair_key, hashlib.sha256(covered).digest(), hashlib.sha256).digest()[:16]
    return base64.b64encode(mac).decode().rstrip("=")


def test_the_code_of_an_event_looks_as_it_always_did() -> None:
    kept = json.loads(GOLDEN.read_text("utf-8"))
    key, body = base64.b64decode(kept["key"]), kept["body"].encode()

    pair_keys = {reader: stranger_pair_key(key, "ingress", "k1", reader) for reader in SERVICES}
    made = {reader: stranger_mac(pair_keys[reader], "ingress", "k1", kept["parts"], body) for reader in SERVICES}
    own = f"ingress:k1:{kept['key']}"
    others = ",".join(f"{name}:k1:{kept['key']}" for name in SERVICES if name != "ingress")
    header = event_keys_from(f"{own},{others}", "ingress").sign(kept["parts"], body)

    assert header == kept["x-mac"] == "1:ingress:k1:" + ",".join(f"{reader}={made[reader]}" for reader in SERVICES)
    assert {reader: base64.b64encode(found).decode() for reader, found in pair_keys.items()} == kept["pair_keys"]
