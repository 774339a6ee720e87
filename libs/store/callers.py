"""`Caller`: an integration, called with one kind of credentials.

The rule: what a caller uses up (idempotency keys, allowances) belongs to the integration and the kind of credentials.
The holder of a weaker credential, such as a path token in a URL, takes nothing from the holder of the secret.
"""

from dataclasses import dataclass
from enum import StrEnum, unique


@unique
class CredentialKind(StrEnum):
    """What authenticated a request to an integration. The values are stored: they do not change."""

    SECRET = "secret"  # noqa: S105 -- the name of a kind, no secret
    PATH_TOKEN = "path_token"  # noqa: S105 -- the name of a kind, no secret
    CHAT_KEY = "chat_key"


@dataclass(frozen=True, slots=True)
class Caller:
    """Who called an integration."""

    integration_id: str
    credential: CredentialKind

    def stored_key(self, key: str) -> str:
        """`key` as it is stored beside the integration's id, different for each kind of credentials.

        A key of the secret is stored as it is, as all keys were before path tokens had keys of their own: a release
        before that and this one find each other's, during an upgrade and after a rollback. No key that a caller chooses
        contains a space, so two kinds never share a key.
        """
        return key if self.credential is CredentialKind.SECRET else f"{self.credential.value} {key}"
