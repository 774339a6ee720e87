"""`patterns_of`: aiohttp's patterns of the API's paths, of which no two match the same request.

Without them `/suppressions/export` is an id of `/suppressions/{suppression_id}` too, so that it takes DELETE, and a 405
answer's `Allow` names methods that the document does not (RFC 9110, section 10.2.1).
"""

import re
from collections import defaultdict
from collections.abc import Collection

_PARAMETER = re.compile(r"\{(\w+)\}")


def patterns_of(paths: Collection[str]) -> dict[str, str]:
    """The pattern of each path; a parameter takes no value that is a fixed segment of another path at its place."""
    split = {path: path.split("/") for path in paths}
    beside: dict[tuple[str, ...], set[str]] = defaultdict(set)
    for segments in split.values():
        for place, segment in enumerate(segments):
            if not _PARAMETER.fullmatch(segment):
                beside[tuple(segments[:place])].add(segment)
    return {
        path: "/".join(
            _pattern_of(segment, beside.get(tuple(segments[:place]), ())) for place, segment in enumerate(segments)
        )
        for path, segments in split.items()
    }


def _pattern_of(segment: str, fixed: Collection[str]) -> str:
    """The pattern of a segment beside which the paths that begin alike have these fixed ones."""
    found = _PARAMETER.fullmatch(segment)
    if found is None or not fixed:
        return segment
    names = "|".join(re.escape(each) for each in sorted(fixed))
    return f"{{{found[1]}:(?!(?:{names})(?:/|$))[^{{}}/]+}}"
