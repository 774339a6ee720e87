"""The secrets of an overlay that brings its own (`local`, `dev`): files that kustomize's `secretGenerator` reads.

The rule: what exists stays. `rotate` makes one anew, and what follows from it; the hash key alone cannot be rotated,
because records, suppressions and quotas hold hashes that were made with it.
"""

import base64
import datetime as dt
import json
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from libs.record.keys import key_ring_from
from tools.broker.account import write_private
from tools.broker.definitions import definitions
from tools.broker.rights import DECLARER, SERVICES
from tools.event_keys import make as make_event_keys
from tools.manifests.certificates import Authority

USERS = (*SERVICES, DECLARER)
KEDA = "keda"
BROKER = "rabbitmq"
"""The name of the broker's Service, to which all connect in their own namespace."""
CA_FILE = "/run/secrets/gateway/ca.crt"
"""Where a pod finds the certificate of the authority."""
SQLITE_URL = "sqlite:////var/lib/gateway/gateway.db"
MONGODB_URL = (
    "mongodb://gateway:{password}@mongodb-0.mongodb-svc:27017/gateway?replicaSet=mongodb&authSource=admin&tls=true"
    f"&tlsCAFile={CA_FILE}"
)
"""The operator's replica set of one member. `{password}` is MongoDB's own."""
STORES = {
    Path("k8s", "overlays", "dev", "secrets"): MONGODB_URL,
    Path("k8s", "components", "local", "secrets"): SQLITE_URL,
}
"""Where the secrets of overlays that bring their own are, below deploy, and their store."""
EVENT_KEYS = "events"
"""The folder with a file for each service, which `gateway event-keys` can change without a pause."""
PUBLIC_NAMES = ("gateway.example.com", "ingress")


def _token() -> str:
    return secrets.token_urlsafe(32)


def _key(name: str) -> Callable[[], str]:
    return lambda: f"{name}:{base64.b64encode(secrets.token_bytes(32)).decode()}"


GENERATORS: Mapping[str, Callable[[], str]] = {
    "admin-token": _token,
    "whatsapp-app-secret": _token,
    "whatsapp-verify-token": _token,
    "hash-key": _token,
    "secret-keys": _key("k1"),
    "post-keys": _key("p1"),
    "sink-keys": _key("i1"),
    "do-not-contact-keys": _key("d1"),
    "signing-keys": _key("s1"),
    **{f"password-{user}": _token for user in (*USERS, KEDA, "mongodb", "mongodb-exporter")},
}
"""What is random. Everything else follows from it."""
FOREVER = frozenset({"hash-key", "signing-keys", "secret-keys", "post-keys", "sink-keys", "do-not-contact-keys"})
"""What stored data depend on: a new key comes in front of the old one, which takes more than making it anew."""


class NotRotated(Exception):  # noqa: N818 -- a name that states the fact
    """The secret cannot be made anew; the text says why."""


@dataclass(frozen=True, slots=True)
class SecretFiles:
    """The folder with one file for each secret, readable by its owner alone."""

    folder: Path
    store_url: str = SQLITE_URL
    """May hold `{password}`, for which the generated `password-mongodb` is put in."""

    def make(self, now: dt.datetime) -> list[str]:
        """Make what is missing, and all that follows from what is random; the names of what is new."""
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        new = [name for name in GENERATORS if not (self.folder / name).exists()]
        for name in new:
            self._write(name, GENERATORS[name]())
        new += self._make_certificates(now)
        new += [f"{EVENT_KEYS}/{service}" for service in make_event_keys(self.folder / EVENT_KEYS)]
        self._write_urls()
        self._write("verifying-keys", _public_keys(self.read("signing-keys")))
        return new

    def rotate(self, name: str, now: dt.datetime) -> None:
        """Make one secret anew, such as `password-policy` or `admin-token`. Raises NotRotated."""
        if name in FOREVER:
            raise NotRotated(f"{name}: stored data depend on it; put a new key in front of the old one by hand.")
        if name not in GENERATORS:
            raise NotRotated(f"{name}: not one of {', '.join(sorted(set(GENERATORS) - FOREVER))}.")
        self._write(name, GENERATORS[name]())
        self.make(now)

    def read(self, name: str) -> str:
        """The content of one file."""
        return (self.folder / name).read_text("utf-8")

    def _make_certificates(self, now: dt.datetime) -> list[str]:
        names = {"rabbitmq": (BROKER, "localhost"), "edge": PUBLIC_NAMES}
        if (self.folder / "ca.key").exists():
            authority = Authority.load(self.read("ca.crt"), self.read("ca.key"))
        else:
            authority = Authority.create(now)
            self._write("ca.crt", authority.certificate_pem)
            for name in names:
                (self.folder / f"{name}.key").unlink(missing_ok=True)
            self._write("ca.key", authority.key_pem)
        missing = [name for name in names if not (self.folder / f"{name}.key").exists()]
        for name in missing:
            certificate, key = authority.server(names[name], now)
            self._write(f"{name}.crt", certificate)
            self._write(f"{name}.key", key)
        return missing

    def _write_urls(self) -> None:
        passwords = {user: self.read(f"password-{user}") for user in USERS}
        for user, password in passwords.items():
            self._write(f"broker-{user}", f"amqps://{user}:{password}@{BROKER}:5671/?cafile={CA_FILE}")
        self._write("management-url", f"https://{BROKER}:15671")
        self._write("store-url", self.store_url.format(password=self.read("password-mongodb")))
        self._write("definitions.json", json.dumps(definitions(passwords), indent=2))

    def _write(self, name: str, text: str) -> None:
        """Write a file anew only when it changes, through a temporary one: a crash leaves no partial secret."""
        path = self.folder / name
        if path.exists() and path.read_text("utf-8") == text:
            return
        temporary = path.with_name(f".{name}.new")
        write_private(temporary, text)
        temporary.replace(path)


def _public_keys(signing_keys: str) -> str:
    """The same ring with public keys only, for the service that verifies."""
    ring = key_ring_from(signing_keys)
    return ",".join(f"{key.kid}:public:{base64.b64encode(key.public).decode()}" for key in ring.keys.values())
