"""Wires what is about one person: erasures, and the changes that need a second person."""

from datetime import timedelta

from libs.providers.registry import PROVIDERS
from libs.store.approvals import ApprovalKind
from libs.store.restore_lines import sealed_keys
from libs.store.sealer import sealer_from
from services.console.app.dead_letters import subject_dead_letters_from
from services.console.app.dependencies import Dependencies
from services.console.handlers.account_approvals import GuardedAccountEdit
from services.console.handlers.approval_effects import ApplyApproval
from services.console.handlers.contact_books import ContactBooks
from services.console.handlers.customer_keys import CustomerKeys
from services.console.handlers.customer_lookup import CustomerLookup
from services.console.handlers.earlier_erasures import EarlierErasures
from services.console.handlers.erasure_allowance import ErasureAllowance
from services.console.handlers.erasure_approvals import GuardedErasure
from services.console.handlers.erasure_steps import ErasureSteps, SealKeys
from services.console.handlers.erasures import EraseSubject
from services.console.handlers.lifts import GuardedLift, LiftSuppression
from services.console.handlers.linked_keys import LinkedKeys
from services.console.handlers.second_person import SecondPerson
from services.console.handlers.subjects import SubjectLookup
from services.console.handlers.token_holders import TokenHolders
from services.console.settings import ConsoleSettings


def subject_lookup_from(settings: ConsoleSettings, deps: Dependencies) -> SubjectLookup:
    """What finds data subjects."""
    return SubjectLookup(
        directory=deps.store.directory,
        subjects=deps.store.subjects,
        do_not_contact=deps.do_not_contact,
        customer=customer_lookup_from(deps),
        keys=_customer_keys_from(settings, deps),
    )


def _customer_keys_from(settings: ConsoleSettings, deps: Dependencies) -> CustomerKeys:
    return CustomerKeys(linked_keys_from(deps), deps.store.customer_links, settings.pseudonyms, deps.sealer)


def linked_keys_from(deps: Dependencies) -> LinkedKeys:
    """What finds the other keys of a customer."""
    return LinkedKeys(deps.store.identities, deps.store.customer_links, deps.clock)


def earlier_erasures_from(deps: Dependencies) -> EarlierErasures:
    """What finds the opt-ins that would bring erased customers back."""
    return EarlierErasures(deps.erased_customers, deps.do_not_contact)


def customer_lookup_from(deps: Dependencies) -> CustomerLookup:
    """What reads the phones that operators name."""
    return CustomerLookup(deps.store.customers, deps.do_not_contact)


def contact_books_from(deps: Dependencies) -> ContactBooks:
    """The part of an erasure that WhatsApp's contact books have to do."""
    return ContactBooks(
        contact_book=deps.store.contact_book,
        registry=deps.store.registry,
        providers=[each.kind for each in PROVIDERS.values() if each.contact_books is not None],
        sealer=deps.sealer,
        sleep=deps.sleep,
    )


def erasure_from(settings: ConsoleSettings, deps: Dependencies) -> EraseSubject:
    """The handler of erasure requests, also used to resume interrupted erasures."""
    store = deps.store
    return EraseSubject(
        lookup=subject_lookup_from(settings, deps),
        erasures=store.erasures,
        erased_customers=deps.erased_customers,
        changes=deps.changes,
        allowance=ErasureAllowance(store.allowances, deps.clock),
        second_person=second_person_from(settings, deps),
        steps=ErasureSteps(
            erasures=store.erasures,
            personal_data=store.personal_data,
            erased_customers=deps.erased_customers,
            subjects=store.subjects,
            records=store.records,
            dead_letters=subject_dead_letters_from(settings, deps),
            changes=deps.changes,
            seal=key_seal_from(settings),
        ),
        contact_books=contact_books_from(deps),
    )


def second_person_from(settings: ConsoleSettings, deps: Dependencies) -> SecondPerson:
    """What stores requests for a second person's approval."""
    return SecondPerson(
        approvals=deps.store.approvals,
        changes=deps.changes,
        sealer=deps.sealer,
        required=settings.second_person,
        lifetime=timedelta(hours=settings.approval_hours),
    )


def apply_approval_from(settings: ConsoleSettings, deps: Dependencies) -> ApplyApproval:
    """What lets approved requests take effect, also used by the job that takes up interrupted ones."""
    store, changes = deps.store, deps.changes
    edit = GuardedAccountEdit(store.directory, changes)
    lift = LiftSuppression(store.suppressions, linked_keys_from(deps), changes)
    return ApplyApproval(
        second_person=second_person_from(settings, deps),
        effects={
            ApprovalKind.LEGAL_HOLD: edit,
            ApprovalKind.RETENTION: edit,
            ApprovalKind.LIFT_OPT_OUT: GuardedLift(store.suppressions, lift),
            ApprovalKind.ERASURE: GuardedErasure(erasure_from(settings, deps)),
        },
        holders=TokenHolders(store.token_registry, deps.clock),
    )


def key_seal_from(settings: ConsoleSettings) -> SealKeys:
    """What seals the customer keys of erasures for the sink."""
    if settings.sink_keys is None:
        return lambda _: None
    sealer = sealer_from(settings.sink_keys.get_secret_value())
    return lambda erasure: sealed_keys(erasure.customer_keys, sealer, erasure_id=erasure.id)
