"""Links in a text: their hosts, and whether these are suspicious. No network request is made."""

import re
import unicodedata
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from services.policy.domain.lookalikes import latin_skeleton, leet_readings

_WIDE = re.compile(r"[\u3002\uff01-\uff5e\uff61]")
_CHUNK = re.compile(r"[^\s<>()\[\]{}\"'،,;|*]+")
_MAY_BE_LINK = re.compile(r"\.[\w-]|://")
"""What every link has: a scheme, or a host, whose last dot has its ending behind it."""
_SCHEME = re.compile(r"https?://", re.IGNORECASE)
_HOST_END = re.compile(r"[/?#\\]")
_ADDRESS = re.compile(r"(?:\d{1,3}\.){3}\d{1,3}|0x[0-9a-f]{6,8}|\d{8,10}")
_NAME = re.compile(r"[^\W_][\w.\-]{0,251}[^\W_]")
_MAX_HOST = 253  # RFC 1035 §2.3.4, less the length octets
_LABELS = 4  # the longest domain on a list has fewer


@dataclass(frozen=True, kw_only=True)
class LinkLists:
    """Known hosts: shorteners, group invitations, top-level domains, and brands with the hosts that they own."""

    shorteners: frozenset[str]
    invitations: frozenset[str]
    risky_endings: frozenset[str]
    known_endings: frozenset[str]
    brands: Mapping[str, frozenset[str]]


@dataclass(frozen=True, slots=True)
class Link:
    """One link: the host in lower case, and whether a user name precedes it (`user@host`)."""

    host: str
    path: str
    has_user: bool


def links_in(text: str, lists: LinkLists) -> tuple[Link, ...]:
    """Every link of the text: with a scheme, with `www.`, or a host with a path or a known ending."""
    plain = _narrow_text(text)
    if _MAY_BE_LINK.search(plain) is None:
        return ()
    chunks = (chunk for chunk in _CHUNK.findall(plain) if "." in chunk or "://" in chunk)
    return tuple(link for chunk in chunks for link in _links_of(chunk, lists))


def link_features(links: Iterable[Link], lists: LinkLists) -> dict[str, int]:
    """The number of links, and of each suspicious kind."""
    found = tuple(links)
    if not found:
        return {}
    return {
        "links": len(found),
        "shortened_links": sum(_is_under(link.host, lists.shorteners) for link in found),
        "invitation_links": sum(
            _is_under(link.host, lists.invitations) or f"{link.host}/{link.path.split('/')[0]}" in lists.invitations
            for link in found
        ),
        "address_links": sum(_ADDRESS.fullmatch(link.host) is not None for link in found),
        "disguised_links": sum(link.has_user or _is_disguised(link.host) for link in found),
        "risky_links": sum(_ending(link.host) in lists.risky_endings for link in found),
        "brand_links": sum(_imitates_brand(link.host, lists.brands) for link in found),
    }


def _narrow_text(text: str) -> str:
    """The text with full-width letters and dots as ASCII, as browsers read them."""
    return text if text.isascii() else _WIDE.sub(_narrow, text)


def _narrow(wide: re.Match[str]) -> str:
    return unicodedata.normalize("NFKC", wide.group()).replace("。", ".")


def _links_of(chunk: str, lists: LinkLists) -> Iterator[Link]:
    parts = _SCHEME.split(chunk)
    if len(parts) > 1:
        yield from (_link_from(part) for part in parts[1:] if part)
        return
    bare = chunk.strip(".:!?…-_~").casefold()
    host = _HOST_END.split(bare, maxsplit=1)[0].partition(":")[0]
    if "." not in host or "@" in host or len(host) > _MAX_HOST or _NAME.fullmatch(host) is None:
        return
    ending = _ending(host)
    has_path = len(bare) > len(host) and ending.isalpha()
    if host.startswith("www.") or ending in lists.known_endings or ending in lists.risky_endings or has_path:
        yield _link_from(bare)


def _link_from(rest: str) -> Link:
    """The link in the text after the scheme."""
    authority, *path = _HOST_END.split(rest, maxsplit=1)
    user, at, host = authority.rpartition("@")
    host = host.partition(":")[0]
    return Link(host.strip(".!?…").casefold(), path[0] if path else "", bool(at and user))


def _ending(host: str) -> str:
    return host.rpartition(".")[2]


def _is_under(host: str, domains: frozenset[str]) -> bool:
    """True when the host is one of the domains or a subdomain."""
    labels = host.split(".")[-_LABELS:]
    return any(".".join(labels[first:]) in domains for first in range(len(labels)))


def _is_disguised(host: str) -> bool:
    """True for a host that mixes scripts or is written in Punycode (RFC 3492)."""
    labels = host.split(".")
    return any(label.startswith("xn--") or latin_skeleton(label) is not None for label in labels)


def _imitates_brand(host: str, brands: Mapping[str, frozenset[str]]) -> bool:
    labels = re.split(r"[.\-]", host)
    words = {word for label in labels for word in (label, *leet_readings(label))}
    return any(brand in words and not _is_under(host, owned) for brand, owned in brands.items())
