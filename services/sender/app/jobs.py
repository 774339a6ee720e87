"""Connects the sender's periodic jobs, and what handles account updates."""

from libs.chassis.clock import new_id, utc_now
from libs.providers.provider import SenderOptions
from libs.providers.registry import PROVIDERS
from libs.store.sealer import sealer_from
from services.sender.adapters.throughputs import RegistryThroughputs
from services.sender.app.dependencies import SenderDependencies
from services.sender.handlers.account_updates import HandleAccountUpdate
from services.sender.handlers.contact_books import DeleteFromContactBooks
from services.sender.handlers.credential_probes import ProbeCredentials
from services.sender.handlers.template_syncs import SyncTemplates
from services.sender.ports import Publisher
from services.sender.settings import SenderSettings


def template_syncs(dependencies: SenderDependencies, options: SenderOptions) -> SyncTemplates:
    """The job that reads the templates of business accounts."""
    return SyncTemplates(
        templates=dependencies.store.templates,
        registry=dependencies.store.registry,
        numbers=dependencies.numbers,
        lists={p.kind: p.template_lists(options) for p in PROVIDERS.values() if p.template_lists is not None},
        clock=utc_now,
    )


def contact_book_deletions(
    settings: SenderSettings, dependencies: SenderDependencies, options: SenderOptions, publisher: Publisher
) -> DeleteFromContactBooks:
    """The job that deletes erased persons from contact books."""
    return DeleteFromContactBooks(
        contact_book=dependencies.store.contact_book,
        numbers=dependencies.numbers,
        books={p.kind: p.contact_books(options) for p in PROVIDERS.values() if p.contact_books is not None},
        sealer=sealer_from(settings.secret_keys.get_secret_value()),
        publisher=publisher,
        clock=utc_now,
    )


def credential_probes(dependencies: SenderDependencies) -> ProbeCredentials:
    """The job that probes refused credentials."""
    store = dependencies.store
    return ProbeCredentials(
        standing=store.standing_restrictions,
        restrictions=store.restrictions,
        job_leases=store.job_leases,
        numbers=dependencies.numbers,
        providers=dependencies.providers,
        clock=utc_now,
        new_id=new_id,
    )


def account_update_handler(dependencies: SenderDependencies) -> HandleAccountUpdate:
    """The handler of WhatsAppAccountUpdated."""
    store = dependencies.store
    return HandleAccountUpdate(
        restrictions=store.restrictions,
        business_accounts=store.business_accounts,
        templates=store.templates,
        throughputs=RegistryThroughputs(store.directory, store.registry, dependencies.numbers, dependencies.providers),
    )
