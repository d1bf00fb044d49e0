"""Reads one YAML file into a pydantic model; a wrong field names file, line, key and what was expected."""

from __future__ import annotations

from pathlib import Path
from typing import Any, TypeVar, get_args

import yaml
from pydantic import BaseModel, ValidationError

from yolopatch.catalog.names import unknown
from yolopatch.errors import RequestError

T = TypeVar("T", bound=BaseModel)
Loc = tuple[int | str, ...]

_MAX_BYTES = 1_000_000
_MAX_DEPTH = 40
_MAX_NODES = 100_000
_LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


def load_model(path: Path, model: type[T]) -> T:
    """Read `path` and validate it as `model`.

    Raises:
        RequestError: the file is missing, is no plain YAML, or a field is wrong.
    """
    text = _read(path)
    data = parse_plain_yaml(text, str(path))
    try:
        return model.model_validate(data)
    except ValidationError as error:
        raise RequestError(_describe(path, text, error, model)) from error


def parse_plain_yaml(text: str, name: str) -> Any:
    """Parse YAML without tags, duplicate keys, or aliases that explode or hold themselves.

    Raises:
        RequestError: `text` is no YAML, or uses what is refused.
    """
    try:
        _refuse_tricks(text, name)
        return yaml.load(text, Loader=_LOADER)
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise RequestError(f"{name}{_yaml_place(error)}: not valid YAML: {_first_line(error)}") from error


def _read(path: Path) -> str:
    try:
        if path.stat().st_size > _MAX_BYTES:
            raise RequestError(f"{path}: larger than {_MAX_BYTES} bytes; this is no catalog file")
        return path.read_text(encoding="utf-8")
    except OSError as error:
        raise RequestError(f"{path}: cannot be read: {error.strerror or error}") from error
    except UnicodeDecodeError as error:
        raise RequestError(f"{path}: not UTF-8 text at byte {error.start}") from error


def _refuse_tricks(text: str, name: str) -> None:
    depth = 0
    for event in yaml.parse(text, Loader=_LOADER):
        line = _line(event)
        tag = getattr(event, "tag", None)
        if tag is not None:
            raise RequestError(f"{name}:{line}: the tag {tag} is refused; plain YAML only")
        if isinstance(event, (yaml.MappingStartEvent, yaml.SequenceStartEvent)):
            depth += 1
            if depth > _MAX_DEPTH:
                raise RequestError(f"{name}:{line}: nested deeper than {_MAX_DEPTH} levels")
        elif isinstance(event, (yaml.MappingEndEvent, yaml.SequenceEndEvent)):
            depth -= 1
    _check_node(yaml.compose(text, Loader=_LOADER), name, {})


def _check_node(node: Any, name: str, sizes: dict[int, int]) -> int:
    """Refuse keys that stand twice and aliases that explode; how many nodes this one unfolds to."""
    if id(node) in sizes:
        if sizes[id(node)] == 0:
            raise RequestError(f"{name}:{node.start_mark.line + 1}: an alias that holds itself is refused")
        return sizes[id(node)]
    sizes[id(node)] = 0
    children: list[Any] = []
    if isinstance(node, yaml.SequenceNode):
        children = node.value
    elif isinstance(node, yaml.MappingNode):
        _refuse_duplicates(node, name)
        children = [value for _, value in node.value]
    size = 1 + sum(_check_node(child, name, sizes) for child in children)
    if size > _MAX_NODES:
        raise RequestError(f"{name}:{node.start_mark.line + 1}: aliases unfold to more than {_MAX_NODES} values")
    sizes[id(node)] = size
    return size


def _refuse_duplicates(node: Any, name: str) -> None:
    seen: set[str] = set()
    for key, _ in node.value:
        if str(key.value) in seen:
            raise RequestError(f"{name}:{key.start_mark.line + 1}: the key '{key.value}' stands twice")
        seen.add(str(key.value))


def _describe(path: Path, text: str, error: ValidationError, model: type[BaseModel]) -> str:
    problem = error.errors(include_url=False)[0]
    loc: Loc = problem["loc"]
    key = ".".join(str(part) for part in loc) or "(top)"
    more = f" (and {error.error_count() - 1} more)" if error.error_count() > 1 else ""
    message = problem["msg"].removeprefix("Value error, ")
    if problem["type"] == "extra_forbidden":
        message = _unknown_key(model, loc)
    elif problem["type"] == "model_type":
        message = f"keys with values are expected here; there are: {', '.join(_at(model, loc).model_fields)}"
    return f"{path}:{_line_of(text, loc)}: {key}: {message}{more}"


def _unknown_key(model: type[BaseModel], loc: Loc) -> str:
    """What to write in place of a key that there is not."""
    return str(unknown("key", str(loc[-1]), _at(model, loc[:-1]).model_fields))


def _at(model: type[BaseModel], loc: Loc) -> type[BaseModel]:
    """The model that is to stand at a place, or the one around it."""
    for part in loc:
        if isinstance(part, str) and part in model.model_fields:
            model = _model_in(model.model_fields[part].annotation) or model
    return model


def _model_in(annotation: Any) -> type[BaseModel] | None:
    """The model that a field holds, by itself or in a collection."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    return next(filter(None, map(_model_in, get_args(annotation))), None)


def _line_of(text: str, loc: Loc) -> int:
    """The line of the deepest node on the way to `loc` that exists."""
    node = yaml.compose(text, Loader=_LOADER)
    line = 1
    for part in loc:
        child = _child(node, part)
        if child is None:
            break
        line, node = child
    return line


def _child(node: Any, part: int | str) -> tuple[int, Any] | None:
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            if key.value == str(part):
                return key.start_mark.line + 1, value
    if isinstance(node, yaml.SequenceNode) and isinstance(part, int) and part < len(node.value):
        return node.value[part].start_mark.line + 1, node.value[part]
    return None


def _line(event: yaml.Event) -> int:
    return event.start_mark.line + 1 if event.start_mark else 1


def _yaml_place(error: Exception) -> str:
    mark = getattr(error, "problem_mark", None)
    return f":{mark.line + 1}" if mark is not None else ""


def _first_line(error: Exception) -> str:
    problem = getattr(error, "problem", None)
    return str(problem) if problem else (str(error).splitlines() or [type(error).__name__])[0]
