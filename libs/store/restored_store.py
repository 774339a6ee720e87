"""`RestoredStore`: a store that is being made from a backup, and that no service opens before it is finished."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from libs.store.store import Store


class AlreadyRestored(Exception):  # noqa: N818 -- reads as the fact it states
    """An earlier run restored this backup to its end, and services may use the store: nothing is left to do."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RestoredStore:
    """The restored data, to be verified and brought up to date.

    Every step is safe to repeat: a later run of the same backup goes on where a crash left this one.
    """

    store: Store
    applied: int | None
    """How many opt-outs and lifts an earlier run applied; None unless it applied all: none may follow an erasure."""
    note_applied: Callable[[int], Awaitable[None]]
    """Remember, also after a crash, that all opt-outs and lifts are applied, and how many they were."""
    finish: Callable[[], Awaitable[None]]
    """Close the store and let services open it. Call it once, as the last step."""
