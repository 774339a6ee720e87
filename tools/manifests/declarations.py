"""Turns TypeScript declarations of Kubernetes kinds into closed JSON schemas: what is not declared is an error.

It reads what the packages `@kubernetes-models/*` hold: one exported interface or type in each file, made of literals,
arrays, objects and unions, with imports of other files. Anything else is an error, never ignored.
"""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from typing import Any

Schema = dict[str, Any]
_COMMENT = re.compile(r"/\*.*?\*/|//[^\n]*", re.DOTALL)
_TOKEN = re.compile(r'\s*("(?:[^"\\]|\\.)*"|[A-Za-z_$][\w$]*|-?\d+|[{}\[\]<>|?:;,=])')
_IMPORT = re.compile(r'^import (?:type )?\{([^}]*)\} from "([^"]+)";$', re.MULTILINE)
_EXPORT = re.compile(r"^export (interface|type) (\w+)", re.MULTILINE)
_PRIMITIVES: dict[str, Schema] = {
    "string": {"type": "string"},
    "number": {"type": "number"},
    "boolean": {"type": "boolean"},
    "any": {},
    "unknown": {},
    "object": {"type": "object"},
    "null": {"type": "null"},
}
_METADATA: Schema = {
    "type": "object",
    "required": ["name"],
    "additionalProperties": False,
    "properties": {
        "name": {"type": "string"},
        "namespace": {"type": "string"},
        "labels": {"type": "object", "additionalProperties": {"type": "string"}},
        "annotations": {"type": "object", "additionalProperties": {"type": "string"}},
    },
}
"""What a manifest may set of an object's metadata; the rest belongs to the API server."""


class NotDeclared(Exception):  # noqa: N818 -- a name that states the fact
    """A declaration is missing or has a form that is not read; the text names the file."""


@dataclass(slots=True)
class Reader:
    """Reads declarations by path, such as `keda/keda.sh/v1alpha1/ScaledObject`, with all that they refer to."""

    text_of: Callable[[str], str]
    definitions: dict[str, Schema] = field(default_factory=dict)

    def schema(self, path: str) -> Schema:
        """The whole schema of a kind. Raises NotDeclared."""
        reference = self.reference(path)
        whole: Schema = {"$schema": "http://json-schema.org/draft-07/schema#", "definitions": self.definitions}
        kind = self.definitions[path]
        kind["properties"]["metadata"] = _METADATA
        kind["required"] = sorted({*kind.get("required", ()), "apiVersion", "kind", "metadata"})
        return whole | reference

    def reference(self, path: str) -> Schema:
        """A reference to the declaration of a file, which is read when it is new."""
        if path not in self.definitions:
            self.definitions[path] = {}  # a kind may hold itself
            self.definitions[path] |= _File(self, path, _COMMENT.sub("", self.text_of(path))).declared()
        return {"$ref": "#/definitions/" + path.replace("~", "~0").replace("/", "~1")}


class _File:
    """One file: its imports, and a cursor in the tokens of its declaration."""

    def __init__(self, reader: Reader, path: str, text: str) -> None:
        self.reader = reader
        self.path = path
        self.imports = dict(self._imports(text))
        found = _EXPORT.search(text)
        if found is None:
            raise NotDeclared(f"{path}: no interface or type is exported")
        self.form = found[1]
        self.tokens = [token[1] for token in _TOKEN.finditer(text, found.end())]
        self.at = 0

    def _imports(self, text: str) -> Iterator[tuple[str, str]]:
        for names, source in _IMPORT.findall(text):
            for name in names.split(","):
                yield name.strip().partition(" as ")[2] or name.strip(), source.removesuffix(".js")

    def declared(self) -> Schema:
        """The schema of what the file declares."""
        if self.form == "type":
            self._expect("=")
            return self._union()
        parents = []
        while self._peek() != "{":
            parents.append(self._next())
        own = self._object()
        for name in parents:
            if name not in {"extends", ",", "TypeMeta"}:
                self._inherit(own, name)
        return own

    def _inherit(self, own: Schema, name: str) -> None:
        """A closed object cannot be `allOf` its parents: it takes over what they declare."""
        path = self._path_of(name)
        self.reader.reference(path)
        parent = self.reader.definitions[path]
        own["properties"] = parent["properties"] | own["properties"]
        own["required"] = sorted({*parent.get("required", ()), *own.get("required", ())})

    def _union(self) -> Schema:
        options = [self._single()]
        while self._peek() == "|":
            self._next()
            options.append(self._single())
        if len(options) == 1:
            return options[0]
        if all("const" in option for option in options):
            return {"enum": [option["const"] for option in options]}
        return {"anyOf": options}

    def _single(self) -> Schema:
        word = self._peek()
        if word == "{":
            return self._object()
        self._next()
        if word == "Array":
            return {"type": "array", "items": self._argument()}
        if word.startswith('"'):
            return {"const": word[1:-1]}
        if word.lstrip("-").isdigit():
            return {"const": int(word)}
        return _PRIMITIVES[word] if word in _PRIMITIVES else self._imported(word)

    def _argument(self) -> Schema:
        self._expect("<")
        found = self._union()
        self._expect(">")
        return found

    def _imported(self, name: str) -> Schema:
        return self.reader.reference(self._path_of(name))

    def _path_of(self, name: str) -> str:
        source = self.imports.get(name)
        if source is None:
            raise NotDeclared(f"{self.path}: {name} is not imported")
        if not source.startswith("."):
            return source.removeprefix("@kubernetes-models/")
        parts: list[str] = list(PurePosixPath(self.path).parent.parts)
        for part in source.split("/"):
            if part == "..":
                parts.pop()
            elif part != ".":
                parts.append(part)
        return "/".join(parts)

    def _object(self) -> Schema:
        self._expect("{")
        properties: dict[str, Schema] = {}
        required: list[str] = []
        others: Schema | bool = False
        while self._peek() != "}":
            name = self._next()
            if name == "[":
                for token in ("key", ":", "string", "]", ":"):
                    self._expect(token)
                others = self._union()
            else:
                optional = self._peek() == "?"
                if optional:
                    self._next()
                else:
                    required.append(name.strip('"'))
                self._expect(":")
                properties[name.strip('"')] = self._union()
            self._expect(";")
        self._expect("}")
        empty = not properties and others is False
        found: Schema = {"type": "object", "properties": properties, "additionalProperties": True if empty else others}
        return found | ({"required": required} if required else {})

    def _peek(self) -> str:
        if self.at >= len(self.tokens):
            raise NotDeclared(f"{self.path}: ends too early")
        return self.tokens[self.at]

    def _next(self) -> str:
        token = self._peek()
        self.at += 1
        return token

    def _expect(self, token: str) -> None:
        if (found := self._next()) != token:
            raise NotDeclared(f"{self.path}: {token} expected, {found} found")
