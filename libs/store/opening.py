"""Opens the store that a URL names; the one place that knows which adapters there are."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote

from libs.store.accounts import Directory, Registry
from libs.store.chains import Chains, Checkpoints, Purges
from libs.store.conversations import Conversations, Suppressions
from libs.store.dead_letters import DeadLetters
from libs.store.decisions import Decisions
from libs.store.erasing import Erasures, People
from libs.store.errands import Errands
from libs.store.forwards import Forwards
from libs.store.idempotency import Answers, Idempotency
from libs.store.identities import Identities
from libs.store.ledger import Ledger, Pacing
from libs.store.outbox import Outbox
from libs.store.records import Records
from libs.store.statuses import Statuses
from libs.store.subjects import Subjects
from libs.store.tallies import Tallies
from libs.store.tokens import TokenRegistry, Tokens
from libs.store.turns import Turns


@dataclass(frozen=True, slots=True, kw_only=True)
class Store:
    """Every port over one database. Each method raises GatewayError(gateway_unavailable) when it cannot be reached."""

    directory: Directory
    registry: Registry
    outbox: Outbox
    conversations: Conversations
    suppressions: Suppressions
    identities: Identities
    decisions: Decisions
    ledger: Ledger
    pacing: Pacing
    statuses: Statuses
    turns: Turns
    idempotency: Idempotency
    answers: Answers
    records: Records
    chains: Chains
    checkpoints: Checkpoints
    purges: Purges
    forwards: Forwards
    dead_letters: DeadLetters
    tallies: Tallies
    errands: Errands
    subjects: Subjects
    tokens: Tokens
    token_registry: TokenRegistry
    erasures: Erasures
    people: People
    healthy: Callable[[], Awaitable[bool]]
    """True when the database answers; cheap enough for every probe, and never raises."""
    close: Callable[[], Awaitable[None]]
    """Let what is under way end, then let go of the database; once is enough."""


async def open_store(url: str) -> Store:
    """Open `sqlite:///path` (a fourth slash begins an absolute path) or `mongodb://host/database`.

    Makes what is missing of tables and indexes, also when several processes do so at the same time.

    Raises:
        ValueError: the URL is none of these; its text does not repeat the URL, which may hold a password.
        RuntimeError: a newer release of the gateway made the database.
        GatewayError: gateway_unavailable, the database cannot be reached.

    """
    scheme, _, rest = url.partition("://")
    if scheme == "sqlite":
        from libs.store.sqlite.opening import open_sqlite  # noqa: PLC0415 -- load the chosen adapter alone

        return await open_sqlite(sqlite_path(url))
    if scheme in {"mongodb", "mongodb+srv"} and rest:
        from libs.store.mongo.opening import open_mongo  # noqa: PLC0415 -- load the chosen adapter alone

        return await open_mongo(url)
    raise ValueError("the store's URL must be sqlite:///path or mongodb://host/database")


def sqlite_path(url: str) -> Path:
    """The file that a `sqlite:///path` names. Raises ValueError for anything else."""
    scheme, _, rest = url.partition("://")
    path = unquote(rest.removeprefix("/"))
    if scheme != "sqlite" or not rest.startswith("/") or not path or path.endswith("/") or set(rest) & {"?", "#"}:
        raise ValueError("the SQLite store's URL must be sqlite:///path, naming a file, without options")
    return Path(path)


OLDEST_SCHEMA = 2
"""Databases from before the record had chains were never released."""


def require_known_schema(found: int, known: int, *, oldest: int = 0) -> None:
    """Refuse a database that this release does not know: a newer one's, or one from before `oldest` (0: a new one).

    Raises RuntimeError, with what to do.
    """
    if found > known:
        raise RuntimeError(
            f"the store has schema version {found}, this release knows {known}: run the newer release, "
            "or restore the backup from before its first start"
        )
    if 0 < found < oldest:
        raise RuntimeError(
            f"the store has schema version {found}, from before the record had chains, which was never released: "
            "begin with an empty database"
        )
