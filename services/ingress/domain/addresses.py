"""The addresses that may call an integration. Client addresses are read by `libs.chassis.client_addresses`."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from libs.chassis.client_addresses import Address, Networks, network_from

NO_NETWORKS: Final = Networks()


@dataclass(frozen=True, slots=True)
class Allowlist:
    """The addresses that may call an integration; an unreadable entry matches no address."""

    networks: Networks = NO_NETWORKS
    unrestricted: bool = True

    def allows(self, address: Address | None) -> bool:
        """True when the list is empty or contains `address`."""
        return self.unrestricted or address in self.networks


def allowlist_from(texts: Sequence[str]) -> Allowlist:
    """Read an integration's stored allowlist; an empty one allows every address."""
    members = []
    for text in texts:
        try:
            members.append(network_from(text))
        except ValueError:
            continue  # fails closed: the list still restricts, and this entry matches no address
    return Allowlist(Networks(tuple(members)), unrestricted=not texts)
