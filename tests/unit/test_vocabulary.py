"""No banned identifier comes back: `vocabulary.toml` lists them, each with the term that replaces it."""

import ast
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

PRODUCT = ("libs", "services", "tools", "bench")
TABLE: dict[str, dict[str, Any]] = tomllib.loads(Path(__file__).with_name("vocabulary.toml").read_text("utf-8"))
MODULES = [path for folder in PRODUCT for path in sorted(Path(folder).rglob("*.py"))]
FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)


def classes_in(tree: ast.AST) -> Iterator[str]:
    """The names of classes and of module-level type aliases."""
    for node in ast.walk(tree):
        if isinstance(node, ast.ClassDef):
            yield node.name
        elif isinstance(node, ast.Module):
            for statement in node.body:
                if isinstance(statement, ast.Assign):
                    yield from (target.id for target in statement.targets if isinstance(target, ast.Name))


def names_in(tree: ast.AST) -> Iterator[str]:
    """The names of functions, parameters, fields and instance attributes."""
    for node in ast.walk(tree):
        if isinstance(node, FUNCTIONS):
            yield node.name
        elif isinstance(node, ast.arg):
            yield node.arg
        elif isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
            yield node.target.id
        elif isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store):
            yield node.attr


def banned(names: Iterator[str], section: str) -> list[str]:
    """The banned names among `names`, with their replacements."""
    table = TABLE[section]
    return sorted({f"{name}: {table[bare]}" for name in names if (bare := name.lstrip("_")) in table})


@pytest.mark.parametrize("path", MODULES, ids=str)
def test_a_module_and_its_identifiers_use_the_fields_standard_terms(path: Path) -> None:
    tree = ast.parse(path.read_text("utf-8"))

    found = [
        *banned(iter(path.with_suffix("").parts), "modules"),
        *banned(classes_in(tree), "classes"),
        *banned(names_in(tree), "names"),
    ]

    assert not found


def test_no_module_is_named_after_an_activity() -> None:
    names = {part for path in MODULES for part in path.with_suffix("").parts if part.endswith("ing")}

    assert names <= set(TABLE["gerunds"]["allowed"])


@pytest.mark.parametrize(
    ("source", "section", "found"),
    [
        ("class Postmark: ...", "classes", ["Postmark: MessageMetadata"]),
        ("Said = int", "classes", ["Said: HandlerResult, MessageContent"]),
        ("async def _let_go(): ...", "names", ["_let_go: close_quietly"]),
        ("def f(*, saw): ...", "names", ["saw: inputs"]),
        ("class A:\n    saw: int", "names", ["saw: inputs"]),
        ("self._in_hand = 1", "names", ["_in_hand: in_flight"]),
        ("log.overhear()", "names", []),
    ],
)
def test_a_banned_identifier_is_found_where_it_is_defined(source: str, section: str, found: list[str]) -> None:
    names = classes_in if section == "classes" else names_in

    assert banned(names(ast.parse(source)), section) == found
