"""What a build may see of the checkout: `.dockerignore`, by Docker's rules.

The format is that of https://docs.docker.com/build/concepts/context/#dockerignore-files: a pattern a line, `**` for any
number of folders, `!` for what is let in again; the last line that matches decides.
"""

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Ignored:
    """The patterns of a `.dockerignore`, each with True when it lets files in again."""

    patterns: tuple[tuple[re.Pattern[str], bool], ...]

    @classmethod
    def from_text(cls, text: str) -> "Ignored":
        """The patterns of the file's lines."""
        lines = (line.strip() for line in text.splitlines())
        return cls(tuple(_pattern(line) for line in lines if line and not line.startswith("#")))

    def hides(self, path: str) -> bool:
        """True when the builder does not get this file; `path` is relative to the checkout, with `/`."""
        parts = path.split("/")
        ways = ["/".join(parts[: length + 1]) for length in range(len(parts))]
        hidden = False
        for pattern, lets_in in self.patterns:
            if any(pattern.fullmatch(way) for way in ways):
                hidden = not lets_in
        return hidden


def context_files(root: Path, source: str) -> Iterator[tuple[Path, str]]:
    """The files of `source` (of the checkout) that a build gets, sorted, with their paths inside it."""
    ignored = Ignored.from_text((root / ".dockerignore").read_text(encoding="utf-8"))
    start = root / source
    if start.is_file():
        if not ignored.hides(source):
            yield start, ""
        return
    for folder, folders, names in os.walk(start):
        folders.sort()
        for name in sorted(names):
            file = Path(folder) / name
            if not ignored.hides(file.relative_to(root).as_posix()):
                yield file, file.relative_to(start).as_posix()


def _pattern(line: str) -> tuple[re.Pattern[str], bool]:
    lets_in = line.startswith("!")
    words = line.removeprefix("!").strip().strip("/").split("/")
    return re.compile("".join(_part(word, last=at == len(words) - 1) for at, word in enumerate(words))), lets_in


def _part(word: str, *, last: bool) -> str:
    """One folder or file name of a pattern as an expression, with the slash behind it."""
    if word == "**":
        return ".*" if last else "(?:.*/)?"
    plain = re.escape(word).replace(r"\*", "[^/]*").replace(r"\?", "[^/]")
    return plain + ("" if last else "/")
