"""The messages in our sources: what stands in the errors that are raised, as templates.

A message is an f-string, a plain string, or strings that are added; `{0}`, `{1}` stand for what an f-string fills in.
What fills it in is followed as far as it can be read from the code: both branches of an `if`, the assignments of a
local name, what a function returns, what a function's callers pass. The strings that are found there are messages too.
"""

from __future__ import annotations

import ast
import functools
import re
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from itertools import product
from pathlib import Path

PACKAGE = Path(__file__).resolve().parent.parent

# Errors of Python and of other packages whose text reaches a user as a part of ours, and our own beside YolopatchError.
_OTHER_ERRORS = {"ValueError", "LookupError", "FileNotFoundError", "RuntimeError", "UsageError", "SecurityError"}
_OTHER_ERRORS |= {"RefusedError", "CheckError", "DamagedEntryError", "ConnectionError", "ImportError"}
_BASE = "YolopatchError"
_TOLD = {"Fault": 1, "print_told": 0}  # what else carries a part of a message, and as which argument
_MAKERS = {"failed", "no_device"}  # the parameters that take a function which makes a message
_CODE = {"install_command", "command"}  # what gives a command line, which stays as it is
_CODE_LINES = ("git -C ", 'File "')  # how a line of code begins
_NAMING = {"what"}  # what a parameter is called that takes a word for a message

_DEPTH = 7  # how far a string is followed
_MOST = 12  # how many templates one expression may give

Function = ast.FunctionDef | ast.AsyncFunctionDef


@dataclass(frozen=True)
class Template:
    """A message: its text with numbered placeholders, and the source expression of each."""

    text: str
    expressions: tuple[str, ...] = ()
    context: str | None = None  # the message that a few words stand in

    @property
    def key(self) -> tuple[str | None, str]:
        """What names it in a catalog."""
        return self.context, self.text


@dataclass
class Found:
    """A template, and the files that it stands in."""

    template: Template
    files: set[str] = field(default_factory=set)


@dataclass(frozen=True)
class Place:
    """Where an expression stands: its file, and the functions around it, the innermost last."""

    file: str
    functions: tuple[Function, ...] = ()


# The pieces of a message: text, or an expression that fills a placeholder.
Pieces = tuple["str | ast.expr", ...]


class Sources:
    """All modules of the package, read once."""

    def __init__(self, package: Path = PACKAGE) -> None:
        self._found: dict[tuple[str | None, str], Found] = {}
        self._functions: dict[str, list[tuple[Function, Place]]] = {}
        self._calls: dict[str, list[tuple[ast.Call, Place]]] = {}
        self._bases: dict[str, set[str]] = {}
        self._inits: list[tuple[str, ast.Call, Place]] = []
        self._constants: dict[tuple[str, str], ast.expr] = {}
        self._seen: dict[tuple[int, str | None, bool], tuple[ast.expr, int]] = {}
        self._makers: list[tuple[ast.expr, Place]] = []
        self._collected: dict[str, list[tuple[ast.expr, Place]]] = {}
        for file in sorted(package.rglob("*.py")):
            name = file.relative_to(package.parent).as_posix()
            module = ast.parse(file.read_text(encoding="utf-8"))
            for statement in module.body:
                if isinstance(statement, ast.Assign) and isinstance(statement.targets[0], ast.Name):
                    self._constants[name, statement.targets[0].id] = statement.value
            self._read(module, Place(name))
        self._errors = self._error_names()

    def messages(self) -> list[Found]:
        """Every message, in the order of its file and text."""
        for name in sorted(self._errors):
            for call, place in self._calls.get(name, []):
                for argument in (*call.args[:1], *(one.value for one in call.keywords if one.arg == "detail")):
                    self._message(argument, place)
        for name, index in _TOLD.items():
            for call, place in self._calls.get(name, []):
                self._message(call.args[index], place)
        for body, place in self._makers:
            self._message(body, place)
        for class_name, call, place in self._inits:
            if class_name in self._errors and call.args:
                self._message(call.args[0], place)
        return sorted(self._found.values(), key=lambda one: (min(one.files), one.template.text))

    def _error_names(self) -> set[str]:
        names = {_BASE, *_OTHER_ERRORS}
        while True:
            more = {name for name, bases in self._bases.items() if bases & names} - names
            if not more:
                return names
            names |= more

    def _read(self, node: ast.AST, place: Place, class_name: str = "") -> None:
        for child in ast.iter_child_nodes(node):
            if isinstance(child, ast.ClassDef):
                self._bases[child.name] = {_name(base) for base in child.bases}
                self._read(child, place, child.name)
                continue
            if isinstance(child, Function):
                self._functions.setdefault(child.name, []).append((child, place))
                self._read(child, Place(place.file, (*place.functions, child)), class_name)
                continue
            if isinstance(child, ast.Call):
                self._calls.setdefault(_name(child.func), []).append((child, place))
                if ast.unparse(child.func) == "super().__init__":
                    self._inits.append((class_name, child, place))
                if isinstance(child.func, ast.Attribute) and child.func.attr == "append":
                    self._collect(child.func.value, child.args[0], place)
            elif isinstance(child, ast.keyword) and isinstance(child.value, ast.Lambda) and child.arg in _MAKERS:
                self._makers.append((child.value.body, place))
            elif isinstance(child, ast.AugAssign):
                self._collect(child.target, child.value, place)
            self._read(child, place, class_name)

    def _collect(self, target: ast.expr, value: ast.expr, place: Place) -> None:
        """Note that `value` is added to a list: an attribute by its name, a local name with its function."""
        if isinstance(target, ast.Attribute):
            self._collected.setdefault(f".{target.attr}", []).append((value, place))
        elif isinstance(target, ast.Name) and place.functions:
            self._collected.setdefault(f"{id(place.functions[-1])} {target.id}", []).append((value, place))

    def _message(
        self, expression: ast.expr, place: Place, depth: int = 0, inside: Template | None = None, naming: bool = False
    ) -> None:
        """Note the templates of `expression`, and of what fills them."""
        for pieces, here in self._lines(expression, place):
            template = _template(pieces)
            told = inside
            if inside is not None and _is_short(template):
                if template.expressions or naming:
                    self._note(replace(template, context=inside.text), here)
            elif _is_message(template.text):
                told = template
                self._note(template, here)
            if depth < _DEPTH:
                for piece in pieces:
                    if isinstance(piece, ast.expr):
                        names = naming or isinstance(piece, ast.IfExp | ast.BoolOp) or _name(piece) in _NAMING
                        for part, where in self._parts(piece, here):
                            self._message(part, where, depth + 1, told, names)

    def _note(self, template: Template, place: Place) -> None:
        found = self._found.setdefault(template.key, Found(template))
        found.files.add(place.file)

    def _lines(self, node: ast.expr, place: Place) -> Iterator[tuple[Pieces, Place]]:
        """Its pieces line by line, as they are translated."""
        for pieces, here in self._pieces(node, place):
            line: list[str | ast.expr] = []
            for piece in pieces:
                first, *others = piece.split("\n") if isinstance(piece, str) else (piece,)
                line.append(first)
                for other in others:
                    yield tuple(line), here
                    line = [other]
            yield tuple(line), here

    def _pieces(self, node: ast.expr, place: Place) -> list[tuple[Pieces, Place]]:
        """The ways in which `node` becomes text."""
        if isinstance(node, ast.Constant):
            return [((node.value,), place)] if isinstance(node.value, str) else []
        if isinstance(node, ast.JoinedStr):
            return [(pieces, place) for pieces in product(*map(_choices, node.values))][:_MOST]
        if isinstance(node, ast.BinOp) and _is_sum(node):
            sides = [self._pieces(side, place) for side in (node.left, node.right)]
            return [((*left, *right), place) for (left, _), (right, _) in product(*sides)][:_MOST]
        if isinstance(node, ast.IfExp):
            return [*self._pieces(node.body, place), *self._pieces(node.orelse, place)]
        return [((node,), place)]

    def _parts(self, node: ast.expr, place: Place) -> Iterator[tuple[ast.expr, Place]]:
        """The expressions whose text may stand in `node`."""
        if isinstance(node, ast.Name):
            yield from self._of_name(node.id, place)
        elif isinstance(node, ast.Call):
            yield from self._of_call(node, place)
        elif isinstance(node, ast.Attribute):
            yield from self._collected.get(f".{node.attr}", ())
        elif isinstance(node, ast.Subscript):
            yield node.value, place
        elif isinstance(node, ast.BoolOp | ast.List | ast.Tuple):
            for value in node.values if isinstance(node, ast.BoolOp) else node.elts:
                yield value, place
        elif isinstance(node, ast.Dict):
            yield from ((value, place) for value in node.values)
        elif isinstance(node, ast.GeneratorExp | ast.ListComp):
            yield node.elt, place
        elif isinstance(node, ast.Starred | ast.NamedExpr | ast.FormattedValue):
            yield node.value, place
        elif isinstance(node, ast.JoinedStr | ast.IfExp) or (
            isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add)
        ):
            yield node, place

    def _of_name(self, name: str, place: Place) -> Iterator[tuple[ast.expr, Place]]:
        for depth in range(len(place.functions), 0, -1):
            function = place.functions[depth - 1]
            outer = Place(place.file, place.functions[:depth])
            yield from ((value, outer) for value in _assigned(function, name))
            yield from self._collected.get(f"{id(function)} {name}", ())
            parameters = [*function.args.posonlyargs, *function.args.args]
            index = next((i for i, one in enumerate(parameters) if one.arg == name), None)
            keyword = next((one for one in function.args.kwonlyargs if one.arg == name), None)
            if index is None and keyword is None:
                continue
            if index is not None and _is_method(function):
                index -= 1
            if any("command" in ast.unparse(one) for one in function.decorator_list):
                return  # what click calls
            for call, where in self._calls.get(function.name, []):
                if not _may_call(call.func, function, where.file == place.file, Path(place.file).stem):
                    continue
                if index is not None and index < len(call.args):
                    yield call.args[index], where
                yield from ((one.value, where) for one in call.keywords if one.arg == name)
            return
        if (place.file, name) in self._constants:
            yield self._constants[place.file, name], Place(place.file)

    def _of_call(self, call: ast.Call, place: Place) -> Iterator[tuple[ast.expr, Place]]:
        name = _name(call.func)
        if name in _CODE:
            return
        if name == "join" and isinstance(call.func, ast.Attribute) and _is_words(call.func.value):
            one = ast.FormattedValue(call.args[0], -1)
            yield ast.JoinedStr([one, call.func.value, one]), place
        if name in ("join", "str", "_one_line"):
            yield from ((argument, place) for argument in call.args)
            return
        if name == "get" and isinstance(call.func, ast.Attribute):  # of a mapping: what it holds, else the default
            yield call.func.value, place
            yield from ((argument, place) for argument in call.args[1:])
            return
        if name in ("rstrip", "strip") and isinstance(call.func, ast.Attribute):
            yield call.func.value, place
            return
        for function, where in self._functions.get(name, []):
            if not _may_call(call.func, function, where.file == place.file, Path(where.file).stem):
                continue
            inner = Place(where.file, (*where.functions, function))
            for node in _nodes(function):
                if isinstance(node, ast.Return | ast.Yield) and node.value is not None:
                    yield node.value, inner


@functools.cache
def _nodes(function: Function) -> tuple[ast.AST, ...]:
    return tuple(ast.walk(function))


def _assigned(function: Function, name: str) -> Iterator[ast.expr]:
    for node in _nodes(function):
        if isinstance(node, ast.Assign):
            for target in node.targets:
                if isinstance(target, ast.Name) and target.id == name:
                    yield node.value
                elif isinstance(target, ast.Tuple) and isinstance(node.value, ast.Tuple):
                    for one, value in zip(target.elts, node.value.elts, strict=False):
                        if isinstance(one, ast.Name) and one.id == name:
                            yield value
        elif isinstance(node, ast.NamedExpr) and node.target.id == name:
            yield node.value
        elif isinstance(node, ast.For | ast.comprehension):
            yield from _looped(node.target, node.iter, name)


def _looped(target: ast.expr, values: ast.expr, name: str) -> Iterator[ast.expr]:
    """What a loop over `values` makes of `name`: all of them, or of rows that are written out, their column."""
    if isinstance(target, ast.Name) and target.id == name:
        yield values
    if not isinstance(target, ast.Tuple) or not isinstance(values, ast.Tuple | ast.List):
        return
    for row in values.elts:
        if isinstance(row, ast.Tuple | ast.List):
            pairs = zip(target.elts, row.elts, strict=False)
            yield from (value for one, value in pairs if isinstance(one, ast.Name) and one.id == name)


def _template(pieces: Pieces) -> Template:
    text = ""
    expressions: list[str] = []
    for piece in pieces:
        if isinstance(piece, str):
            text += piece.replace("{", "{{").replace("}", "}}")
        else:
            text += f"{{{len(expressions)}}}"
            expressions.append(ast.unparse(piece))
    return Template(text, tuple(expressions))


def _is_message(text: str) -> bool:
    """Whether `text` has words of ours: more than one, or one that stands beside a placeholder."""
    literal = re.sub(r"\{\d+\}", "", text)
    words = re.findall(r"[A-Za-z]{2,}", literal)
    if literal.strip().startswith(_CODE_LINES):
        return False
    if not words or (literal.strip().startswith(("-", "/", "http")) and len(words) < 3):
        return False
    return " " in text.strip() and (len(words) > 1 or "{0}" in text)


def _is_words(node: ast.expr) -> bool:
    return isinstance(node, ast.Constant) and any(map(str.isalpha, str(node.value)))


def _is_sum(node: ast.expr) -> bool:
    return isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add)


def _is_short(template: Template) -> bool:
    """Whether so little is ours in it that only the message around it tells it from anything else."""
    if not template.expressions:
        return re.fullmatch(r"[a-z]{3,}", template.text) is not None
    literal = re.sub(r"\{\d+\}", "", template.text)
    return " " in literal and 0 < len(re.findall(r"[A-Za-z]{2,}", literal)) < 3 and "--" not in literal


def _may_call(called: ast.expr, function: Function, same_file: bool, module: str) -> bool:
    """Whether `called` can be `function`, by names: `f`, `module.f` or, for a method, `anything.f`."""
    if not same_file and function.name.startswith("_"):
        return False
    if _is_method(function):
        return isinstance(called, ast.Attribute)
    return isinstance(called, ast.Name) or ast.unparse(called) == f"{module}.{function.name}"


def _is_method(function: Function) -> bool:
    parameters = [*function.args.posonlyargs, *function.args.args]
    return bool(parameters) and parameters[0].arg in ("self", "cls")


def _name(node: ast.expr) -> str:
    return node.attr if isinstance(node, ast.Attribute) else node.id if isinstance(node, ast.Name) else ""


def _choices(part: ast.expr) -> list[str | ast.expr]:
    """What a part of an f-string can be: `{'s' * (n > 1)}` is either text, anything else is itself."""
    if isinstance(part, ast.Constant):
        return [str(part.value)]
    value = part.value if isinstance(part, ast.FormattedValue) else part
    if isinstance(value, ast.BinOp) and isinstance(value.op, ast.Mult) and isinstance(value.left, ast.Constant):
        return ["", str(value.left.value)]
    return [value]
