"""Connects the imports of suppressions and consents with the store."""

from services.console.app.dependencies import Dependencies
from services.console.app.subjects import earlier_erasures_from
from services.console.domain.imports import CONSENT_COLUMNS, SUPPRESSION_COLUMNS, ConsentRow, SuppressionRow
from services.console.handlers.customer_lookup import CustomerLookup
from services.console.handlers.import_batches import ApplyConsents, ApplySuppressions, ImportCustomers
from services.console.handlers.imports import ImportRows


def suppression_imports_from(deps: Dependencies, lookup: CustomerLookup) -> ImportRows[SuppressionRow]:
    """The handler of imports of suppressions."""
    store = deps.store
    customers = ImportCustomers(lookup, store.customer_links)
    return ImportRows(
        kind="suppressions",
        model=SuppressionRow,
        columns=SUPPRESSION_COLUMNS,
        apply=ApplySuppressions(customers, store.suppressions, store.consents, store.imported_rows),
        directory=store.directory,
        changes=deps.changes,
    )


def consent_imports_from(deps: Dependencies, lookup: CustomerLookup) -> ImportRows[ConsentRow]:
    """The handler of imports of opt-ins."""
    store = deps.store
    return ImportRows(
        kind="consents",
        model=ConsentRow,
        columns=CONSENT_COLUMNS,
        apply=ApplyConsents(ImportCustomers(lookup, store.customer_links), store.consents, earlier_erasures_from(deps)),
        directory=store.directory,
        changes=deps.changes,
    )
