"""`RestoredStore`: a store that is being made from a backup, and that no service opens before it is finished."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from libs.store.store import Store


@dataclass(frozen=True, slots=True, kw_only=True)
class RestoredStore:
    """The restored data, to be verified and brought up to date.

    Every step is safe to repeat: a later run of the same backup goes on where a crash left this one.
    """

    store: Store
    finish: Callable[[], Awaitable[None]]
    """Close the store and let services open it. Call it once, as the last step."""
