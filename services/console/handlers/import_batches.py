"""What an import does with a batch of rows: suppressions are added, opt-ins recorded, and nothing is ever lifted."""

import asyncio
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final, Protocol, TypeVar
from uuid import uuid5

from libs.chassis.clock import NewId
from libs.contracts.errors import GatewayError, OperatorCode
from libs.store.accounts import Account
from libs.store.consents import Consent, Consents, ConsentScope, ConsentSource, ImportedRows, Withdrawal
from libs.store.conversations import OPERATOR, Suppression, SuppressionKind, Suppressions
from libs.store.customer_links import CustomerLinks
from services.console.domain.consents import evidence_hash_of, identity_of
from services.console.domain.import_rows import Refused, problem_of
from services.console.domain.imports import ConsentRow, ImportRow, RowResult, SuppressionRow, at_in
from services.console.handlers.consents import CONSENTS_NAMESPACE, require_past
from services.console.handlers.customer_lookup import CustomerLookup, NamedCustomer
from services.console.handlers.earlier_erasures import Claim, EarlierErasures

AT_ONCE: Final = 100
"""Calls of the store at once, which are one commit of SQLite, some 10 ms: more would delay others' calls."""
ERASED: Final = Refused("phone", "was erased: nothing from before is recorded", OperatorCode.CUSTOMER_ERASED)
"""Of a row about an erased customer, whichever column names them."""
IMPORT: Final = "import"
"""The `source` of imported suppressions: the customer's own word, passed on by another system."""
Row_contra = TypeVar("Row_contra", bound=ImportRow, contravariant=True)
Outcome = tuple[RowResult, str] | Refused


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportRun:
    """What the rows of one import have in common."""

    import_id: str
    account: Account
    actor: str
    now: datetime
    dry_run: bool
    new_id: NewId


class ApplyRows(Protocol[Row_contra]):
    """Applies rows of one kind."""

    async def __call__(self, run: ImportRun, rows: Sequence[Row_contra]) -> Sequence[Outcome]:
        """The outcome of each row. Safe to repeat: what a row makes has an id that is derived from the row."""
        ...


@dataclass(frozen=True, slots=True)
class ImportCustomers:
    """Finds the customers of rows, and their further keys in one round trip for the batch."""

    lookup: CustomerLookup
    links: CustomerLinks

    async def __call__(self, account: Account, rows: Sequence[ImportRow]) -> Sequence[NamedCustomer | Refused]:
        """Each row's customer; an ambiguous number is refused, since nobody could correct a million guesses."""
        return [await self._named(account, row) for row in rows]

    async def keys(self, account: Account, customers: Sequence[NamedCustomer]) -> dict[str, tuple[str, ...]]:
        """All keys of each customer, by the key of the row: the main key first."""
        found = await self.links.find(account.id, {each.key for each in customers})
        mains = {row.customer_key: row.main_key for row in found}
        groups: dict[str, list[str]] = {}
        for row in found:
            groups.setdefault(row.main_key, []).append(row.customer_key)
        keys = {}
        for customer in customers:
            main = mains.get(customer.key, customer.key)
            keys[customer.key] = tuple(dict.fromkeys((main, customer.key, *groups.get(main, ()))))
        return keys

    async def _named(self, account: Account, row: ImportRow) -> NamedCustomer | Refused:
        try:
            return await self.lookup(account, row.phone, row.user_id, certain=True)
        except GatewayError as error:
            if error.code is not OperatorCode.INVALID_REQUEST:
                raise
            return problem_of(error)


@dataclass(frozen=True, slots=True)
class ApplySuppressions:
    """`ApplyRows` of suppressions. An opt-out takes the customer's consents from before it back, as a STOP does."""

    customers: ImportCustomers
    suppressions: Suppressions
    consents: Consents
    imported: ImportedRows

    async def __call__(self, run: ImportRun, rows: Sequence[SuppressionRow]) -> Sequence[Outcome]:
        """As `ApplyRows`. A row is marked once it is applied, so that it changes nothing after an operator's lift."""
        named = await self.customers(run.account, rows)
        keys = await self.customers.keys(run.account, [each for each in named if isinstance(each, NamedCustomer)])
        made = [_suppression_from(run, row, each, keys) for row, each in zip(rows, named, strict=True)]
        wanted = {each.mark: each for each in made if not isinstance(each, Refused)}
        known = await self.imported.known(run.account.id, set(wanted))
        new = [each for mark, each in wanted.items() if mark not in known]
        outcomes = dict.fromkeys(known, (RowResult.UNCHANGED, ""))
        for start in range(0, len(new), AT_ONCE):
            part = new[start : start + AT_ONCE]
            applied = await asyncio.gather(*(self._apply(run, each) for each in part))
            await self._withdraw(run, part)
            outcomes |= {each.mark: outcome for each, outcome in zip(part, applied, strict=True)}
        if new and not run.dry_run:
            await self.imported.mark(run.account.id, [each.mark for each in new])
        return _each_added_once([each if isinstance(each, Refused) else outcomes[each.mark] for each in made])

    async def _apply(self, run: ImportRun, row: "_RequestedRow") -> tuple[RowResult, str]:
        wanted = row.suppression
        if run.dry_run:
            standing = await self.suppressions.standing(run.account.id, row.keys)
            return (RowResult.UNCHANGED, "") if wanted.kind in standing else (RowResult.ADDED, wanted.id)
        stored = await self.suppressions.suppress(wanted, ())
        if not stored.active:
            return RowResult.SUPERSEDED, ""
        return (RowResult.ADDED, wanted.id) if stored.id == wanted.id else (RowResult.UNCHANGED, "")

    async def _withdraw(self, run: ImportRun, rows: Sequence["_RequestedRow"]) -> None:
        """Take back the consents that the rows are about, in one write."""
        if not run.dry_run:
            scopes = [(row, scope) for row in rows if (scope := _WITHDRAWN.get(row.suppression.kind)) is not None]
            await self.consents.withdraw(
                [_withdrawal(run, scope, row.suppression, key) for row, scope in scopes for key in row.keys]
            )


@dataclass(frozen=True, slots=True)
class _RequestedRow:
    """The suppression that a row asks for, the customer's keys, and what marks the row."""

    suppression: Suppression
    keys: tuple[str, ...]
    mark: tuple[str, str]


_WITHDRAWN: Final = {
    SuppressionKind.OPT_OUT: ConsentScope.ALL,
    SuppressionKind.MARKETING: ConsentScope.MARKETING,
}
"""The consents that a suppression of each kind takes back; an operator's block takes back none."""


@dataclass(frozen=True, slots=True)
class ApplyConsents:
    """`ApplyRows` of opt-ins: one write for the whole batch."""

    customers: ImportCustomers
    consents: Consents
    earlier_erasures: EarlierErasures

    async def __call__(self, run: ImportRun, rows: Sequence[ConsentRow]) -> Sequence[Outcome]:
        """As `ApplyRows`. A row that would bring an erased customer back is refused."""
        named = await self.customers(run.account, rows)
        keys = await self.customers.keys(run.account, [each for each in named if isinstance(each, NamedCustomer)])
        read = [_consent_from(run, row, customer) for row, customer in zip(rows, named, strict=True)]
        made = _once(await self._without_erased(run, named, keys, read))
        consents = list({each.id: each for each in made if isinstance(each, Consent)}.values())
        if run.dry_run:
            return [each if isinstance(each, Refused) else await self._foreseen(each) for each in made]
        under_all = [each.under(key) for each in consents for key in keys[each.customer_key]]
        new = await self.consents.record(under_all)
        return _each_added_once([each if isinstance(each, Refused) else _outcome_of(each, new) for each in made])

    async def _without_erased(
        self,
        run: ImportRun,
        named: Sequence[NamedCustomer | Refused],
        keys: Mapping[str, tuple[str, ...]],
        read: Sequence[Consent | Refused],
    ) -> list[Consent | Refused]:
        claims = {
            number: Claim(customer, keys[customer.key], consent.at)
            for number, (customer, consent) in enumerate(zip(named, read, strict=True))
            if isinstance(customer, NamedCustomer) and isinstance(consent, Consent)
        }
        concern = await self.earlier_erasures.concern(run.account.id, list(claims.values()))
        erased = {number for number, about in zip(claims, concern, strict=True) if about}
        return [ERASED if number in erased else each for number, each in enumerate(read)]

    async def _foreseen(self, consent: Consent) -> Outcome:
        stored = await self.consents.of_customer(consent.account_id, [consent.customer_key])
        known = any(each.fingerprint == consent.fingerprint for each in stored.consents)
        return (RowResult.UNCHANGED, "") if known else (RowResult.ADDED, consent.id)


def _outcome_of(consent: Consent, new: Collection[str]) -> Outcome:
    return (RowResult.ADDED, consent.id) if consent.id in new else (RowResult.UNCHANGED, "")


def _once(made: Sequence[Consent | Refused]) -> list[Consent | Refused]:
    """The consents, where equal rows of a batch are one."""
    first: dict[str, Consent] = {}
    return [each if isinstance(each, Refused) else first.setdefault(each.fingerprint, each) for each in made]


def _each_added_once(outcomes: Sequence[Outcome]) -> list[Outcome]:
    """The outcomes, where the second of two equal rows of a batch has changed nothing."""
    seen: set[str] = set()
    distinct: list[Outcome] = []
    for each in outcomes:
        repeated = not isinstance(each, Refused) and each[0] is RowResult.ADDED and each[1] in seen
        distinct.append((RowResult.UNCHANGED, "") if repeated else each)
        if not isinstance(each, Refused):
            seen.add(each[1])
    return distinct


def _time_of(cell: str | None, run: ImportRun) -> datetime | Refused | None:
    if cell is None:
        return None
    try:
        at = at_in(cell, run.account.zone)
        require_past("since", at, run.now)
    except (ValueError, OverflowError):
        return Refused("since", "is not a time that exists")
    except GatewayError as error:
        return problem_of(error)
    return at


def _suppression_from(
    run: ImportRun, row: SuppressionRow, customer: NamedCustomer | Refused, keys: Mapping[str, tuple[str, ...]]
) -> _RequestedRow | Refused:
    """The mark names customer, kind and time, and no import: the same row in another file is the same suppression."""
    since = _time_of(row.since, run)
    if isinstance(customer, Refused) or isinstance(since, Refused):
        return customer if isinstance(customer, Refused) else Refused("since", since.problem)  # type: ignore[union-attr]
    name = f"suppression|{run.account.id}|{customer.key}|{row.scope.value}|{row.since or ''}"
    evidence = {"import_id": run.import_id, "source": row.source, "sha256": evidence_hash_of(row.evidence)}
    suppression = Suppression(
        id=f"sup_{run.new_id().hex}",
        account_id=run.account.id,
        customer_key=keys[customer.key][0],
        masked_phone=customer.masked_phone,
        kind=row.scope,
        source=IMPORT if row.scope in _WITHDRAWN else OPERATOR,
        reason=row.reason,
        actor=run.actor,
        since=since or run.now,
        evidence={name: value for name, value in evidence.items() if value is not None},
    )
    return _RequestedRow(suppression, keys[customer.key], (customer.key, uuid5(CONSENTS_NAMESPACE, name).hex))


def _withdrawal(run: ImportRun, scope: ConsentScope, opt_out: Suppression, key: str) -> Withdrawal:
    return Withdrawal(
        account_id=run.account.id,
        customer_key=key,
        scope=scope,
        at=opt_out.since,
        source=ConsentSource.IMPORT,
        actor=run.actor,
    )


def _consent_from(run: ImportRun, row: ConsentRow, customer: NamedCustomer | Refused) -> Consent | Refused:
    at = _time_of(row.at or row.since, run)
    if isinstance(customer, Refused):
        return customer
    if not isinstance(at, datetime):
        return at or Refused("at", "is required: when the customer agreed")
    digest = evidence_hash_of(row.evidence)
    name = identity_of(run.account.id, customer.key, row.scope, at, row.wording_version, row.source, digest)
    return Consent(
        id=f"con_{run.new_id().hex}",
        fingerprint=uuid5(CONSENTS_NAMESPACE, name).hex,
        account_id=run.account.id,
        customer_key=customer.key,
        masked_phone=customer.masked_phone,
        scope=row.scope,
        source=ConsentSource.IMPORT,
        wording_version=row.wording_version,
        at=at,
        evidence_hash=digest,
        origin=row.source,
        actor=run.actor,
        import_id=run.import_id,
        recorded_at=run.now,
    )
