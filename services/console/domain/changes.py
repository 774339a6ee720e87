"""The events about edited rows: they hold old and new values, and of a secret only that it changed."""

import hashlib
from typing import Any, TypeVar

from libs.contracts.events import AccountChanged, IntegrationChanged, NumberChanged
from libs.store.accounts import Account, Integration, Number, Template
from services.console.domain.addresses import origin_of

Row = TypeVar("Row", Account, Number, Integration)

_OMITTED = frozenset({"id", "version", "created_at", "updated_at", "account_id", "applied_approvals"})
_SECRET = frozenset(
    {
        *("sealed_token", "sealed_forward_secret", "secrets", "path_tokens", "webhook_secrets"),
        *("chat_keys", "sealed_chat_webhook_url"),
    }
)
_URLS = frozenset({"forward_url", "base_url"})


def account_changed(old: Account | None, new: Account, actor: str) -> AccountChanged:
    """The event about an account that `actor` edited, or created when there is no old row."""
    return AccountChanged(account_id=new.id, actor=actor, changes=changes_between(old, new), created=old is None)


def number_changed(old: Number | None, new: Number, actor: str) -> NumberChanged:
    """The event about a number that `actor` edited, or created when there is no old row."""
    changes = changes_between(old, new)
    return NumberChanged(account_id=new.account_id, number_id=new.id, actor=actor, changes=changes, created=old is None)


def integration_changed(old: Integration | None, new: Integration, actor: str) -> IntegrationChanged:
    """The event about an integration that `actor` edited, or created when there is no old row."""
    changes = changes_between(old, new)
    return IntegrationChanged(
        account_id=new.account_id, integration_id=new.id, actor=actor, changes=changes, created=old is None
    )


def changes_between(old: Row | None, new: Row) -> dict[str, Any]:
    """The fields that differ, each with `old` and `new`; without an old row, all fields with `new` alone."""
    changes: dict[str, Any] = {}
    for name in type(new).model_fields:
        after = getattr(new, name)
        before = None if old is None else getattr(old, name)
        if name in _OMITTED or (old is not None and before == after):
            continue
        if name in _SECRET:
            if after:
                changes[name] = "replaced" if before else "set"
        else:
            changes[name] = {"new": _recorded(name, after)} | ({} if old is None else {"old": _recorded(name, before)})
    return changes


def _recorded(name: str, value: object) -> object:
    if name == "templates" and isinstance(value, dict):
        return {key: _template_summary(template) for key, template in value.items()}
    if name in _URLS:
        return origin_of(value if isinstance(value, str) else None)
    return list(value) if isinstance(value, tuple) else value


def _template_summary(template: Template) -> dict[str, object]:
    """A template without its text: the length and digest show that the text changed."""
    digest = hashlib.sha256(template.text.encode()).hexdigest()
    return {"enabled": template.enabled, "text_length": len(template.text), "text_sha256": digest}
