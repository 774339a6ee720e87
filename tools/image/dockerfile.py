"""Reads a Dockerfile: its stages, and each step with the build arguments filled in.

The format is Docker's (https://docs.docker.com/reference/dockerfile/), of which the gateway's files use a part. A step
that is not known here is refused, so that no image lacks something without a word.
"""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final

KNOWN: Final = frozenset(
    [
        "ARG",
        "CMD",
        "COPY",
        "ENTRYPOINT",
        "ENV",
        "EXPOSE",
        "FROM",
        "HEALTHCHECK",
        "LABEL",
        "RUN",
        "STOPSIGNAL",
        "USER",
        "VOLUME",
        "WORKDIR",
    ]
)
_VARIABLE: Final = re.compile(r"\$(?:\{(\w+)(?::-([^}]*))?\}|(\w+))")
_PAIR: Final = re.compile(r'([\w.-]+)=("(?:[^"\\]|\\.)*"|\S*)')


class DockerfileError(Exception):
    """The Dockerfile asks for something that this builder does not do, or that does not exist."""


@dataclass(frozen=True, slots=True)
class Step:
    """One instruction: its word in capitals, its flags (`--from=build`), and the text after them."""

    word: str
    flags: Mapping[str, str]
    text: str
    arguments: Mapping[str, str] = field(default_factory=dict)
    """The build arguments that a RUN names: its command gets them as variables."""

    @property
    def words(self) -> list[str]:
        """The text as a list: a JSON array (the exec form), or what spaces separate."""
        return [str(each) for each in json.loads(self.text)] if self.is_exec_form else self.text.split()

    @property
    def is_exec_form(self) -> bool:
        """True for `["python", "-m"]`; the other form is a command for a shell."""
        return self.text.startswith("[")

    @property
    def pairs(self) -> dict[str, str]:
        """The names and values of ENV and LABEL."""
        return {name: value.strip('"').replace('\\"', '"') for name, value in _PAIR.findall(self.text)}


@dataclass(slots=True)
class Stage:
    """What one FROM begins: the image it builds on, its own name, and its steps."""

    base: str
    name: str
    steps: list[Step] = field(default_factory=list)


def stages_of(text: str, arguments: Mapping[str, str]) -> list[Stage]:
    """The stages in their order; `arguments` are build arguments, which stand over the defaults of ARG.

    Raises:
        DockerfileError: An unknown instruction, or a step before the first FROM.

    """
    stages: list[Stage] = []
    before = dict[str, str]()
    known = dict[str, str]()
    for step in _steps_in(text):
        if step.word == "ARG":
            scope = known if stages else before
            name, _, default = filled(step.text, scope).partition("=")
            scope[name] = arguments.get(name, default if "=" in step.text else before.get(name, ""))
        elif step.word == "FROM":
            stages.append(_stage(filled(step.text, before), len(stages)))
            known = {}
        elif not stages:
            raise DockerfileError(f"{step.word} stands before the first FROM.")
        else:
            stages[-1].steps.append(_with_arguments(step, known))
    return stages


def filled(text: str, values: Mapping[str, str]) -> str:
    """The text with each `$NAME` and `${NAME:-default}` of `values` replaced; other names stay as they are."""

    def value(found: re.Match[str]) -> str:
        braced, default, plain = found.groups()
        name = braced or plain
        return values[name] or default or "" if name in values else found.group()

    return _VARIABLE.sub(value, text)


def _with_arguments(step: Step, known: Mapping[str, str]) -> Step:
    """RUN gets as variables the arguments that it names; elsewhere they are replaced in the text."""
    if step.word == "RUN":
        used = {name: known[name] for name in sorted(known) if re.search(rf"\b{name}\b", step.text)}
        return Step("RUN", step.flags, step.text, used)
    return Step(step.word, {name: filled(value, known) for name, value in step.flags.items()}, filled(step.text, known))


def _stage(text: str, position: int) -> Stage:
    words = text.split()
    named = len(words) == 3 and words[1].upper() == "AS"
    return Stage(words[0], words[2] if named else str(position))


def _steps_in(text: str) -> Iterator[Step]:
    for line in _lines_of(text):
        word, _, rest = line.partition(" ")
        if word.upper() not in KNOWN:
            raise DockerfileError(f"{word}: this instruction is not known.")
        flags = dict[str, str]()
        while found := re.match(r"--(\w[\w-]*)=(\S+)\s+", rest.lstrip()):
            flags[found[1]] = found[2]
            rest = rest.lstrip()[found.end() :]
        yield Step(word.upper(), flags, rest.strip())


def _lines_of(text: str) -> Iterator[str]:
    """The instructions, each in one line: comments and empty lines go, a backslash at the end joins the next line."""
    joined = ""
    for line in text.splitlines():
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        if line.rstrip().endswith("\\"):
            joined += line.rstrip()[:-1] + " "
            continue
        yield (joined + line).strip()
        joined = ""
    if joined:
        yield joined.strip()
