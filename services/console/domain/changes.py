"""What the record is told about an edit: old and new values, and of what is secret only that it changed."""

import hashlib
from typing import Any, TypeVar

from libs.store.accounts import Account, Integration, Number, Template
from services.console.domain.addresses import origin_of

Row = TypeVar("Row", Account, Number, Integration)

_UNTOLD = frozenset({"id", "version", "created_at", "updated_at", "account_id"})
_SECRET = frozenset({"sealed_token", "sealed_forward_secret", "secrets", "path_tokens", "webhook_secrets"})
_URLS = frozenset({"forward_url", "base_url"})


def changes_between(old: Row | None, new: Row) -> dict[str, Any]:
    """The fields that differ, each with `old` and `new`; without an old row, all fields with `new` alone."""
    changes: dict[str, Any] = {}
    for name in type(new).model_fields:
        after = getattr(new, name)
        before = None if old is None else getattr(old, name)
        if name in _UNTOLD or (old is not None and before == after):
            continue
        if name in _SECRET:
            if after:
                changes[name] = "replaced" if before else "set"
        else:
            changes[name] = {"new": _told(name, after)} | ({} if old is None else {"old": _told(name, before)})
    return changes


def _told(name: str, value: object) -> object:
    if name == "templates" and isinstance(value, dict):
        return {key: _template(template) for key, template in value.items()}
    if name in _URLS:
        return origin_of(value if isinstance(value, str) else None)
    return list(value) if isinstance(value, tuple) else value


def _template(template: Template) -> dict[str, object]:
    """A template without its text: enough to tell that it changed, and to what length."""
    digest = hashlib.sha256(template.text.encode()).hexdigest()
    return {"enabled": template.enabled, "text_length": len(template.text), "text_sha256": digest}
