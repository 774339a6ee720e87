"""The tz database: the pinned package `tzdata` decides on every machine, not the one that the system has.

Python prefers the system's (https://docs.python.org/3/library/zoneinfo.html#data-sources), so the same report would
have other days on two machines, and after an update of the system's packages.
"""

import zoneinfo

import tzdata  # type: ignore[import-untyped]  # it has two constants

TZ_DATABASE = tzdata.IANA_VERSION
"""The version by IANA's name, such as `2026f`."""


def use_pinned_time_zones() -> None:
    """Let this process read time zones from the package alone; zones that were read before are read again."""
    zoneinfo.reset_tzpath(to=())
    zoneinfo.ZoneInfo.clear_cache()
