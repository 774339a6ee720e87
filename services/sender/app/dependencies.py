"""What the sender's handlers share, and the factories that several of them need."""

from collections.abc import Mapping
from dataclasses import dataclass

from libs.chassis.clock import utc_now
from libs.contracts.identity import Pseudonyms
from libs.providers.provider import MessageSender
from libs.store.do_not_contact import DoNotContact, HashedErasedCustomers, do_not_contact_from
from libs.store.sealer import sealer_from
from libs.store.store import Store
from services.sender.adapters.fallbacks import SealedFallbacks
from services.sender.adapters.forward_client import AddressLimits
from services.sender.adapters.token_peers import RegistryTokenPeers
from services.sender.handlers.added_restrictions import AddRestrictions
from services.sender.handlers.cancellations import Cancellations
from services.sender.handlers.error_tables import ErrorTables
from services.sender.handlers.message_contacts import MessageContacts
from services.sender.handlers.refusal_effects import RefusalEffects
from services.sender.ports import Numbers
from services.sender.settings import SenderSettings


@dataclass(frozen=True, slots=True, kw_only=True)
class SenderDependencies:
    """What the handlers share."""

    store: Store
    numbers: Numbers
    providers: Mapping[str, MessageSender]
    owner: str

    @property
    def errors(self) -> ErrorTables:
        """The error tables of the numbers' providers."""
        return ErrorTables(self.numbers, self.providers)


def cancellations(settings: SenderSettings, store: Store) -> Cancellations:
    """The look for opt-outs and erasures before each call."""
    hashes = do_not_contact(settings, store)
    return Cancellations(HashedErasedCustomers(store.erased_customers, hashes), hashes)


def do_not_contact(settings: SenderSettings, store: Store) -> DoNotContact:
    """The hashes of erased customers."""
    keys = settings.do_not_contact_keys.get_secret_value()
    return do_not_contact_from(keys, pseudonyms(settings), store.do_not_contact_entries)


def refusal_effects(dependencies: SenderDependencies) -> RefusalEffects:
    """The effects of refusals."""
    store = dependencies.store
    return RefusalEffects(
        conversations=store.conversations,
        suppressions=store.suppressions,
        restrictions=AddRestrictions(
            restrictions=store.restrictions,
            business_accounts=store.business_accounts,
            token_peers=RegistryTokenPeers(store.registry, dependencies.numbers),
            job_leases=store.job_leases,
        ),
        numbers=dependencies.numbers,
        pacing=store.pacing,
        clock=utc_now,
    )


def pseudonyms(settings: SenderSettings) -> Pseudonyms:
    """What makes the keyed hashes of customers."""
    return Pseudonyms(settings.hash_key.get_secret_value().encode())


def contacts(settings: SenderSettings) -> MessageContacts:
    """What opens the sealed contacts of messages."""
    return MessageContacts(sealer_from(settings.secret_keys.get_secret_value()))


def fallbacks(settings: SenderSettings) -> SealedFallbacks:
    """What opens the sealed fallbacks of messages."""
    return SealedFallbacks(sealer_from(settings.secret_keys.get_secret_value()))


def forward_limits(settings: SenderSettings) -> AddressLimits:
    """The addresses to which forwards and fetches of files may go."""
    return AddressLimits(settings.allow_private_forward, frozenset(settings.forward_ports))


def provider_limits(settings: SenderSettings) -> AddressLimits:
    """The addresses that a provider which an account chooses may have."""
    private_allowed = settings.allow_private_evolution or settings.allow_private_forward
    return AddressLimits(private_allowed, frozenset(settings.forward_ports))
