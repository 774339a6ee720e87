"""The digest of the code on which a rule depends: it changes when the rule, or what it uses of policy, does."""

import ast
import inspect
import textwrap
import types
from hashlib import sha256
from typing import Any, Final

PACKAGE: Final = "services.policy"
"""Code of this package is part of a rule's digest; what it imports from elsewhere is not."""


def code_digest(rule: types.FunctionType) -> str:
    """The digest of a rule's code, with every function, class and constant of `PACKAGE` that it reaches."""
    parts: dict[str, str] = {}
    _collect(rule, parts)
    return sha256("\n".join(f"{name} {parts[name]}" for name in sorted(parts)).encode()).hexdigest()[:16]


def _collect(found: Any, parts: dict[str, str]) -> None:
    name = f"{found.__module__}.{found.__qualname__}"
    if name in parts or not found.__module__.startswith(PACKAGE):
        return
    try:
        tree = ast.parse(textwrap.dedent(inspect.getsource(found)))
    except (OSError, TypeError):
        return  # made at run time, such as a NamedTuple's methods: the class itself was read
    parts[name] = ast.unparse(_decisive(tree))
    names = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}
    module = inspect.getmodule(found)
    for each in sorted(names & vars(module).keys()) if module is not None else ():
        _reach(each, vars(module)[each], found.__module__, parts)


def _reach(name: str, value: Any, module: str, parts: dict[str, str]) -> None:
    if isinstance(value, types.FunctionType | type):
        _collect(value, parts)
    elif type(value).__module__.startswith(PACKAGE):
        _collect(type(value), parts)  # such as a table that is filled while it is used
    elif isinstance(value, str | int | float | tuple | list | frozenset | dict):
        parts[f"{module}.{name}"] = _text(value)


def _text(value: Any) -> str:
    """A constant as text, the same in every process: members of sets are sorted."""
    if isinstance(value, frozenset | set):
        return f"{{{', '.join(sorted(map(_text, value)))}}}"
    if isinstance(value, tuple | list):
        return f"({', '.join(map(_text, value))})"
    if isinstance(value, dict):
        return f"{{{', '.join(f'{_text(key)}: {_text(each)}' for key, each in value.items())}}}"
    return getattr(value, "__qualname__", None) or (repr(value) if isinstance(value, str | int | float) else "")


def _decisive(tree: ast.AST) -> ast.AST:
    """The code without what decides nothing: docstrings and the annotations of functions."""
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef):
            node.returns = None
        if isinstance(node, ast.arg):
            node.annotation = None
        body = getattr(node, "body", None)
        if isinstance(body, list):
            kept = [each for each in body if not (isinstance(each, ast.Expr) and isinstance(each.value, ast.Constant))]
            node.body = kept or [ast.Pass()]  # type: ignore[attr-defined]  # every node with statements has it
    return tree
