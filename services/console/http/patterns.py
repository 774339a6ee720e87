"""`patterns_of`: aiohttp's patterns of the API's paths, of which no two match the same request.

Without them `/suppressions/export` is an id of `/suppressions/{suppression_id}` too, so that it takes DELETE, and a 405
answer's `Allow` names methods that the document does not (RFC 9110, section 10.2.1).
"""

import re
from collections.abc import Collection

_PARAMETER = re.compile(r"\{(\w+)\}")


def patterns_of(paths: Collection[str]) -> dict[str, str]:
    """The pattern of each path; a parameter takes no value that is a fixed segment of another path at its place."""
    split = {path: path.split("/") for path in paths}
    return {
        path: "/".join(
            _pattern_of(segment, _fixed_beside(segments[:place], place, split.values()))
            for place, segment in enumerate(segments)
        )
        for path, segments in split.items()
    }


def _fixed_beside(start: list[str], place: int, paths: Collection[list[str]]) -> list[str]:
    """The fixed segments at a place of the paths that begin with `start`."""
    beside = {path[place] for path in paths if len(path) > place and path[:place] == start}
    return sorted(segment for segment in beside if not _PARAMETER.fullmatch(segment))


def _pattern_of(segment: str, fixed: list[str]) -> str:
    found = _PARAMETER.fullmatch(segment)
    if found is None or not fixed:
        return segment
    names = "|".join(re.escape(each) for each in fixed)
    return f"{{{found[1]}:(?!(?:{names})(?:/|$))[^{{}}/]+}}"
