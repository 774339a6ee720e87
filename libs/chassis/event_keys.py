"""`EventKeys`: the message authentication codes (MACs) of events, which prove the service that published an event.

Each service has keys of its own. From a key follows one *pair key* for each service that may read the event, and each
event carries one MAC for each reader (HMAC-SHA256, FIPS 198-1, cut to 128 bits as RFC 2104 §5 permits). A reader has
the pair keys of the others and no more: it can check what they published, and forge nothing that anybody else believes.
docs/decisions/0040-authentic-events.md has the reasons.
"""

import base64
import binascii
import hashlib
import hmac
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import Enum
from functools import lru_cache
from typing import Final

from libs.contracts.keyed_hashes import KeyedHash
from libs.contracts.producers import PRODUCERS

SERVICES: Final = tuple(PRODUCERS)
"""Every service: each publishes events, and each may read them."""
KEY_BYTES: Final = 32
MAC_BYTES: Final = 16
_MAC_LENGTH: Final = 22
"""Characters of a MAC in base64 without padding."""
FORMAT: Final = "1"
"""The version of the MAC's header, and of the bytes that it covers."""
_KEY_ID: Final = re.compile(r"[A-Za-z0-9_-]{1,32}")
_HEADER: Final = re.compile(
    rf"{FORMAT}:[a-z]{{1,32}}:[A-Za-z0-9_-]{{1,32}}:[a-z]{{1,32}}=[A-Za-z0-9+/]{{{_MAC_LENGTH}}}"
    rf"(?:,[a-z]{{1,32}}=[A-Za-z0-9+/]{{{_MAC_LENGTH}}}){{0,31}}",
)
_EVENT: Final = b"whatsapp-gateway event 1\n"
_PAIR: Final = b"whatsapp-gateway event pair key 1\n"


class Refusal(Enum):
    """Why the MAC of an event is not accepted; the values are labels of a metric."""

    MISSING = "missing"
    """There is none, or it has no form that a producer gives it: no key makes it valid."""
    UNKNOWN_KEY = "unknown_key"
    """The reader does not have the key that it names."""
    WRONG = "wrong"
    """It is not the MAC of this event for this reader."""
    PRODUCER = "producer"
    """It is valid, and the event is one that its producer does not publish."""


@dataclass(frozen=True, slots=True)
class EventKey:
    """A named key of a service."""

    kid: str
    key: bytes = field(repr=False)

    def pair_key(self, producer: str, reader: str) -> bytes:
        """The key of `producer`'s events for `reader`, of which the reader learns this one alone."""
        return hmac.digest(self.key, b"%b%b" % (_PAIR, _joined(producer, self.kid, reader)), "sha256")


class EventKeys:
    """The keys of one service: makes the MACs of its own events, and checks those of all services."""

    def __init__(self, service: str, own: tuple[EventKey, ...], others: Mapping[tuple[str, str], bytes]) -> None:
        """`own` are the service's keys, of which the first signs; `others` the pair keys by producer and key id."""
        self._service = service
        self._mine = f"{service}="
        self._kid = own[0].kid
        self._signing = [(f"{reader}=", _PairKey(own[0].pair_key(service, reader))) for reader in SERVICES]
        mine = {(service, key.kid): key.pair_key(service, service) for key in own}
        self._checking = {name: _PairKey(key) for name, key in {**others, **mine}.items()}

    def sign(self, parts: Iterable[str], body: bytes) -> str:
        """The header of an event: the MAC of its `parts` and its body for each service that may read it."""
        digest = _digest(self._service, self._kid, parts, body)
        macs = ",".join([f"{name}{key.mac(digest)}" for name, key in self._signing])
        return f"{FORMAT}:{self._service}:{self._kid}:{macs}"

    def producer_of(self, header: object, parts: Iterable[str], body: bytes) -> str | Refusal:
        """The service that published an event, or why that is not proven."""
        if not isinstance(header, str) or _HEADER.fullmatch(header) is None:
            return Refusal.MISSING
        _, producer, kid, macs = header.split(":")
        key = self._checking.get((producer, kid))
        if key is None:
            return Refusal.UNKNOWN_KEY
        wanted = key.mac(_digest(producer, kid, parts, body))
        given = macs.partition(self._mine)[2][:_MAC_LENGTH]
        return producer if hmac.compare_digest(wanted, given) else Refusal.WRONG


def is_well_formed(header: object) -> bool:
    """True for a header that some key may make valid."""
    return isinstance(header, str) and _HEADER.fullmatch(header) is not None


def event_keys_from(text: str, service: str) -> EventKeys:
    """The keys in `GATEWAY_EVENT_KEYS` of a service: `service:id:base64`, separated by commas.

    Entries with the service's own name are its keys, the first of which signs; the others are pair keys of their
    producers. Raises ValueError, whose text names the position in the list and never repeats a key.
    """
    entries = parsed(text)
    own = tuple(EventKey(kid, key) for (name, kid), key in entries.items() if name == service)
    others = {each: key for each, key in entries.items() if each[0] != service}
    missing = [name for name in SERVICES if name not in {name for name, _ in entries}]
    if not own or missing:
        names = ", ".join(missing if own else [service])
        raise ValueError(f"has no key of {names}: `gateway event-keys` makes the keys of all services")
    return EventKeys(service, own, others)


def parsed(text: str) -> dict[tuple[str, str], bytes]:
    """The entries of a list of keys by service and key id, in their order; raises ValueError as `event_keys_from`."""
    entries: dict[tuple[str, str], bytes] = {}
    for position, entry in enumerate(text.split(","), start=1):
        name, _, rest = entry.strip().partition(":")
        kid, _, encoded = rest.partition(":")
        key = _decoded(encoded)
        if name not in SERVICES or not _KEY_ID.fullmatch(kid) or len(key) != KEY_BYTES:
            raise ValueError(f"entry {position} must be a service, a key id and {KEY_BYTES} bytes in base64: `a:b:c`")
        if (name, kid) in entries:
            raise ValueError(f"entry {position} repeats a key id of {name}: each key needs its own")
        entries[name, kid] = key
    return entries


def listed(entries: Mapping[tuple[str, str], bytes]) -> str:
    """The text of a list of keys, which `parsed` reads."""
    return ",".join(f"{name}:{kid}:{base64.b64encode(key).decode()}" for (name, kid), key in entries.items())


def _decoded(encoded: str) -> bytes:
    try:
        return base64.b64decode(encoded, validate=True)
    except ValueError:
        return b""


def _digest(producer: str, kid: str, parts: Iterable[str], body: bytes) -> bytes:
    """The SHA-256 of what a MAC covers: each part with its length before it, so that no two events look the same."""
    covered = b"%b%b%b%d:%b" % (_EVENT, _producer(producer, kid), _joined(*parts), len(body), body)
    return hashlib.sha256(covered).digest()


def _joined(*parts: str) -> bytes:
    """The parts as netstrings: length in bytes, colon, bytes, comma."""
    if (joined := "".join([f"{len(part)}:{part}," for part in parts])).isascii():
        return joined.encode()
    encoded = [part.encode("utf-8", "surrogatepass") for part in parts]
    return b"".join([b"%d:%b," % (len(part), part) for part in encoded])


_producer = lru_cache(maxsize=64)(_joined)
"""A producer and its key's id, of which there are few."""


class _PairKey(KeyedHash):
    """A pair key, whose codes are cut."""

    __slots__ = ()

    def mac(self, digest: bytes) -> str:
        """The code for a digest, as the header holds it."""
        return binascii.b2a_base64(self.digest(digest)[:MAC_BYTES], newline=False)[:_MAC_LENGTH].decode()
