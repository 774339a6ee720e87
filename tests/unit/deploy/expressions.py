"""What a PromQL expression asks for: its selectors with their matchers, and the labels that it groups by."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from tests.unit.deploy.metrics_in_code import PLAIN, TARGET_LABELS, Known

_SELECTOR: Final = re.compile(r"(?<![\w:\"])([a-zA-Z_][\w:]*)(?![\w:])(?!\s*\()(?:\{([^}]*)\})?")
_MATCHER: Final = re.compile(r'(\w+)\s*(=~|!~|!=|=)\s*"((?:[^"\\]|\\.)*)"')
_GROUPING: Final = re.compile(r"\b(?:by|without|on|ignoring)\s*\(([^)]*)\)")
_WORDS: Final = frozenset({"and", "or", "unless", "offset", "bool", "by", "without", "on", "ignoring"})


@dataclass(frozen=True, slots=True)
class Selector:
    """One selector: the name of the series, and its matchers as label, operator and value."""

    name: str
    matchers: tuple[tuple[str, str, str], ...]


def selectors_in(expression: str) -> Iterator[Selector]:
    """Every selector of the expression."""
    bare = _GROUPING.sub(" ", expression)
    bare = re.sub(r"\[[\d$][^\]]*\]", " ", bare)
    bare = re.sub(r',\s*"[^"]*"(?=[,)\s])', " ", bare)  # the texts of label_replace
    for name, inner in _SELECTOR.findall(bare):
        if name not in _WORDS and not re.fullmatch(r"\d+[smhdw]", name):
            yield Selector(name, tuple(_MATCHER.findall(inner)))


def grouped_labels_in(expression: str) -> set[str]:
    """The labels that the expression groups or matches by."""
    return {label.strip() for inner in _GROUPING.findall(expression) for label in inner.split(",")} - {""}


@dataclass(frozen=True, slots=True)
class Catalogue:
    """The series that exist: those of the code, of the broker and of the recording rules."""

    metrics: Mapping[str, Known]
    recorded: Mapping[str, frozenset[str]]
    """The recorded series with their labels."""

    def labels_of(self, name: str) -> frozenset[str] | None:
        """The labels of a series; None when there is no such series."""
        if name in self.recorded:
            return self.recorded[name]
        if name in PLAIN:
            return PLAIN[name] | TARGET_LABELS
        known = self._known(name)
        if known is None:
            return None
        return frozenset(known.labels) | TARGET_LABELS | ({"le"} if name.endswith("_bucket") else set())

    def faults_in(self, expression: str) -> list[str]:
        """What the expression asks for that does not exist: series, labels and values."""
        faults, labels = [], set[str]()
        for selector in selectors_in(expression):
            own = self.labels_of(selector.name)
            if own is None:
                faults.append(f"no series {selector.name}")
                continue
            labels |= own
            faults += [f"{selector.name} has no label {label}" for label, _, _ in selector.matchers if label not in own]
            faults += self._values_without_series(selector)
        faults += [f"no series has the label {label}" for label in grouped_labels_in(expression) - labels]
        return faults

    def _known(self, name: str) -> Known | None:
        return next((known for known in self.metrics.values() if name in known.samples), None)

    def _values_without_series(self, selector: Selector) -> Iterator[str]:
        """A matcher that no series of a closed list passes is a misspelt value."""
        known = self._known(selector.name)
        if known is None or not known.series or not known.labels:
            return
        for label, operator, value in selector.matchers:
            if label not in known.labels:
                continue
            values = {labels[known.labels.index(label)] for labels in known.series}
            for word in _words_of(value) if operator in {"=", "=~"} else ():
                if not any(re.fullmatch(word, each) for each in values):
                    yield f"{selector.name} has no {label} {word}"


def _words_of(pattern: str) -> list[str]:
    """The alternatives of a pattern that has no brackets; else the whole pattern."""
    return [pattern] if "(" in pattern else pattern.split("|")
