"""Find the names of PyTorch in a program, from its syntax tree.

Follows every import (``import torch as t``, ``from torch import nn``, ``from torch.nn import *``), names that are bound
to a module or a function (``relu = F.relu``), and chains of attributes (``torch.cuda.amp.autocast``). A name that a
function, a lambda or a comprehension binds itself hides one of the module. Knows nothing about what exists.
"""

from __future__ import annotations

import ast
import builtins
from collections.abc import Iterator
from typing import NamedTuple

from minitensor.run.alias import REFUSED, ROOTS

PACKAGES = (*ROOTS, *REFUSED)

# Exceptions that a program catches where it can do without a name.
EXPECTED = {"ImportError", "ModuleNotFoundError", "AttributeError", "Exception", "BaseException"}

# Statements and expressions whose names are their own.
SCOPES = (
    ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda, ast.ClassDef, ast.ListComp, ast.SetComp, ast.DictComp,
    ast.GeneratorExp,
)  # fmt: skip


class Use(NamedTuple):
    """A name in PyTorch's path, and where it is used."""

    path: str
    line: int
    is_guarded: bool  # the program expects that it may be missing
    is_certain: bool = True  # False if the name may come from another module


def uses_in(tree: ast.Module) -> Iterator[Use]:
    """Yield the names of PyTorch that a program uses, in the order of the source."""
    reader = Reader(tree)
    reader.visit(tree)
    return iter(reader.uses)


def is_pytorch(name: str) -> bool:
    return name.partition(".")[0] in PACKAGES


def bindings(scope: ast.AST) -> dict[str, str]:
    """Return the names that a scope binds, each with its path if it is one of PyTorch's, else with an empty one."""
    bound: dict[str, str] = {}
    for node in inside(scope):
        for name, path in bindings_of(node):
            bound[name] = bound.get(name) or path  # `except ImportError: torch = None` does not hide the import
    return bound


def inside(scope: ast.AST) -> Iterator[ast.AST]:
    """Yield the nodes of a scope, without those of the scopes in it."""
    for node in ast.iter_child_nodes(scope):
        yield node
        if not isinstance(node, SCOPES):
            yield from inside(node)


def bindings_of(node: ast.AST) -> Iterator[tuple[str, str]]:
    if isinstance(node, ast.Import):
        for name in node.names:
            path = name.name if name.asname else name.name.partition(".")[0]
            yield name.asname or path, path if is_pytorch(path) else ""
    elif isinstance(node, ast.ImportFrom):
        for name in node.names:
            path = f"{node.module}.{name.name}" if node.level == 0 and is_pytorch(node.module or "") else ""
            yield name.asname or name.name, path
    elif isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
        yield node.name, ""
    elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
        yield node.id, ""
    elif isinstance(node, ast.arg):
        yield node.arg, ""
    elif isinstance(node, ast.ExceptHandler) and node.name:
        yield node.name, ""


def exceptions_of(node: ast.Try) -> set[str]:
    caught: set[str] = set()
    for handler in node.handlers:
        kinds = handler.type.elts if isinstance(handler.type, ast.Tuple) else [handler.type]
        caught |= {ast.unparse(kind) if kind else "BaseException" for kind in kinds}
    return caught


def asks_for_a_name(test: ast.expr) -> bool:
    return any(isinstance(node, ast.Name) and node.id == "hasattr" for node in ast.walk(test))


class Reader(ast.NodeVisitor):
    """Walks a program and collects the names of PyTorch, with the names that are bound where it is."""

    def __init__(self, tree: ast.Module) -> None:
        self.scopes = [bindings(tree)]
        self.stars: list[str] = []  # the modules of `from module import *`
        self.guards = 0
        self.uses: list[Use] = []

    def record(self, path: str, node: ast.stmt | ast.expr) -> None:
        self.uses.append(Use(path, node.lineno, self.guards > 0))

    def path_of(self, node: ast.expr) -> str:
        """Return the path that an expression names, or an empty one."""
        if isinstance(node, ast.Attribute):
            owner = self.path_of(node.value)
            return owner and f"{owner}.{node.attr}"
        return self.path_of_name(node.id) if isinstance(node, ast.Name) else ""

    def path_of_name(self, name: str) -> str:
        for scope in reversed(self.scopes):
            if name in scope:
                return scope[name]
        return ""

    # -- scopes --------------------------------------------------------------------------------------------------------

    def visit_scope(self, node: ast.AST) -> None:
        self.scopes.append(bindings(node))
        self.generic_visit(node)
        self.scopes.pop()

    visit_Lambda = visit_ListComp = visit_SetComp = visit_DictComp = visit_GeneratorExp = visit_scope
    visit_FunctionDef = visit_AsyncFunctionDef = visit_scope

    def visit_ClassDef(self, node: ast.ClassDef) -> None:
        """Read a class in the scope around it: its methods do not see the names of its body."""
        self.generic_visit(node)

    # -- guards --------------------------------------------------------------------------------------------------------

    def visit_Try(self, node: ast.Try) -> None:
        self.visit_block(node.body, bool(exceptions_of(node) & EXPECTED))
        for part in (*node.handlers, *node.orelse, *node.finalbody):
            self.visit(part)

    def visit_If(self, node: ast.If | ast.IfExp) -> None:
        is_guard = asks_for_a_name(node.test)
        body = node.body if isinstance(node.body, list) else [node.body]
        orelse = node.orelse if isinstance(node.orelse, list) else [node.orelse]
        self.visit(node.test)
        self.visit_block(body, is_guard)
        self.visit_block(orelse, is_guard)

    visit_IfExp = visit_If

    def visit_block(self, nodes: list[ast.stmt] | list[ast.expr], is_guarded: bool) -> None:
        self.guards += is_guarded
        for node in nodes:
            self.visit(node)
        self.guards -= is_guarded

    # -- names ---------------------------------------------------------------------------------------------------------

    def visit_Import(self, node: ast.Import) -> None:
        for name in node.names:
            if is_pytorch(name.name):
                self.record(name.name, node)

    def visit_ImportFrom(self, node: ast.ImportFrom) -> None:
        module = node.module or ""
        if node.level or not is_pytorch(module):
            return
        for name in node.names:
            if name.name == "*":
                self.stars.append(module)
            self.record(module if name.name == "*" else f"{module}.{name.name}", node)

    def visit_Assign(self, node: ast.Assign) -> None:
        self.generic_visit(node)
        path = self.path_of(node.value)
        for target in node.targets:
            if path and isinstance(target, ast.Name):
                self.scopes[-1][target.id] = path

    def visit_Attribute(self, node: ast.Attribute) -> None:
        path = self.path_of(node)
        if path:
            self.record(path, node)
        else:
            self.generic_visit(node)

    def visit_Name(self, node: ast.Name) -> None:
        """Record a name that only ``from module import *`` can have bound."""
        is_bound = any(node.id in scope for scope in self.scopes) or hasattr(builtins, node.id)
        if not is_bound and isinstance(node.ctx, ast.Load):
            self.uses += [Use(f"{star}.{node.id}", node.lineno, self.guards > 0, False) for star in self.stars]

    def visit_Call(self, node: ast.Call) -> None:
        self.generic_visit(node)
        path = self.path_of(node.func)
        for keyword in node.keywords if path else ():
            if keyword.arg:
                self.record(f"{path}({keyword.arg}=)", node)
        self.visit_getattr(node)

    def visit_getattr(self, node: ast.Call) -> None:
        """Record ``getattr(torch, "name")``; with a default, it may be missing."""
        if isinstance(node.func, ast.Name) and node.func.id == "getattr" and len(node.args) > 1:
            path, name = self.path_of(node.args[0]), node.args[1]
            if path and isinstance(name, ast.Constant) and isinstance(name.value, str):
                self.uses.append(Use(f"{path}.{name.value}", node.lineno, self.guards > 0 or len(node.args) > 2))
