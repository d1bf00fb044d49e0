"""The Jinja environment: templates are data, they get values and nothing else."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, NoReturn

from jinja2 import BaseLoader, Environment, StrictUndefined, TemplateNotFound
from jinja2.exceptions import SecurityError
from jinja2.sandbox import ImmutableSandboxedEnvironment

# What is left out of Jinja's own: attribute access by another name, and chance.
_FILTERS = ("abs", "default", "first", "int", "items", "join", "last", "length", "list", "max", "min", "reverse", "sum")
_GLOBALS = ("dict", "range")


class Sandbox(ImmutableSandboxedEnvironment):
    """A sandbox that knows no attributes at all: lists, numbers and functions are enough for a template."""

    def is_safe_attribute(self, obj: Any, attr: str, value: Any) -> bool:
        return False

    def unsafe_undefined(self, obj: Any, attribute: str) -> NoReturn:
        raise SecurityError(f"templates may not reach for attributes ('{attribute}')")


class RootLoader(BaseLoader):
    """Loads templates from below one folder, and follows no link that leaves it."""

    def __init__(self, root: Path) -> None:
        self.root = root.resolve()

    def get_source(self, environment: Environment, template: str) -> tuple[str, str, Callable[[], bool]]:
        path = (self.root / template).resolve()
        if "\\" in template or "\0" in template or not path.is_relative_to(self.root):
            raise SecurityError(f"'{template}' is outside the templates")
        if not path.is_file():
            raise TemplateNotFound(template)
        return path.read_text(encoding="utf-8"), str(path), lambda: True


def sandbox(root: Path, functions: dict[str, Callable[..., Any]]) -> Sandbox:
    """An environment for one rendering: StrictUndefined, no extensions, `functions` beside a few built-ins."""
    environment = Sandbox(
        loader=RootLoader(root),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        autoescape=False,
        cache_size=0,
    )
    environment.filters = {name: environment.filters[name] for name in _FILTERS}
    environment.globals = {name: environment.globals[name] for name in _GLOBALS} | functions
    return environment
