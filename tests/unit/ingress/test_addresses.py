"""The allowlist of an integration admits the addresses that are on it, and no other."""

import pytest

from libs.chassis.client_addresses import address_from
from services.ingress.domain.addresses import allowlist_from

ALLOWLISTS = {
    "an empty list admits anyone": ([], "203.0.113.9", True),
    "a single address admits itself": (["203.0.113.9"], "203.0.113.9", True),
    "a network admits its members": (["203.0.113.0/24"], "203.0.113.9", True),
    "host bits do no harm": (["203.0.113.77/24"], "203.0.113.9", True),
    "a network admits nobody else": (["203.0.113.0/24"], "203.0.114.9", False),
    "IPv6 networks work": (["2001:db8::/32"], "2001:db8::5", True),
    "IPv6 is not IPv4": (["::/0"], "203.0.113.9", False),
    "a mapped entry means IPv4": (["::ffff:203.0.113.0/120"], "203.0.113.9", True),
    "a mapped caller is IPv4": (["203.0.113.0/24"], "::ffff:203.0.113.9", True),
}


@pytest.mark.parametrize(("entries", "caller", "admitted"), ALLOWLISTS.values(), ids=ALLOWLISTS.keys())
def test_an_allowlist_admits_who_is_on_it(entries: list[str], caller: str, *, admitted: bool) -> None:
    assert allowlist_from(entries).allows(address_from(caller)) is admitted
