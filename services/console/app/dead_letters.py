"""Wires what reads the content of dead letters."""

from datetime import timedelta

from libs.store.posts import post_sealer_from
from services.console.app.dependencies import Dependencies
from services.console.handlers.dead_letter_customers import DeadLetterCustomers, ErasedDeadLetters
from services.console.handlers.dead_letters import StoreDeadLetter
from services.console.handlers.subject_dead_letters import SubjectDeadLetters
from services.console.settings import ConsoleSettings


def store_dead_letter_from(settings: ConsoleSettings, deps: Dependencies) -> StoreDeadLetter:
    """The handler of what arrives on the dead-letter queues."""
    store = deps.store
    is_erased = ErasedDeadLetters(_customers(settings), store.registry, deps.erased_customers)
    return StoreDeadLetter(
        store.dead_letters, deps.sealer, timedelta(days=settings.dead_letter_days), is_erased, deps.clock
    )


def subject_dead_letters_from(settings: ConsoleSettings, deps: Dependencies) -> SubjectDeadLetters:
    """The search for the dead letters about one data subject."""
    return SubjectDeadLetters(
        store=deps.store.dead_letters,
        directory=deps.store.directory,
        sealer=deps.sealer,
        customers=_customers(settings),
    )


def _customers(settings: ConsoleSettings) -> DeadLetterCustomers:
    return DeadLetterCustomers(settings.pseudonyms, post_sealer_from(settings.post_keys.get_secret_value()))
