"""One template and one set of values become one model YAML."""

from __future__ import annotations

from collections.abc import Callable
from itertools import groupby
from pathlib import Path
from types import TracebackType
from typing import Any, NoReturn

from jinja2 import TemplateNotFound, TemplateSyntaxError

from yolopatch.errors import RequestError
from yolopatch.render.check import check_model
from yolopatch.render.rows import Row, RowBook, align
from yolopatch.render.sandbox import sandbox
from yolopatch.render.values import RenderValues


def render(template_root: Path, template: str, values: RenderValues) -> str:
    """The model YAML of `template`, a path below `template_root` (`v7/idetect.yaml.j2`).

    The same arguments give the same text: ASCII, LF, no tabs, one newline at the end, the cells
    of rows aligned.

    Raises:
        RequestError: the template is missing, is wrong, uses a value that does not exist, reaches
            for an attribute or outside `template_root`, or renders to no valid model. The message
            names the template and the line.
    """
    book = RowBook()
    raw = _run(template_root, template, values.context(), {"row": book.row, "refuse": _refuse})
    text = _tidy(raw, template)
    model = check_model(text, template)
    _check_rows(template, [*model["backbone"], *model["head"]], book.rows)
    return text


def _run(root: Path, template: str, context: dict[str, Any], functions: dict[str, Callable[..., Any]]) -> str:
    try:
        return sandbox(root, functions).get_template(template).render(context)
    except TemplateNotFound as error:
        raise RequestError(f"no template '{error.name}' in {root}") from error
    except TemplateSyntaxError as error:
        raise RequestError(f"template {error.name or template}, line {error.lineno}: {_line(error)}") from error
    except Exception as error:
        # A template is data: whatever it makes Python raise is the template's mistake.
        name, line = _place(error.__traceback__, root.resolve()) or (template, 1)
        raise RequestError(f"template {name}, line {line}: {_line(error)}") from error


def _refuse(message: str) -> NoReturn:
    """`refuse` of the templates: these values make no model here."""
    raise ValueError(message)


def _line(error: Exception) -> str:
    return " ".join(str(error).split()) or type(error).__name__


def _place(traceback: TracebackType | None, root: Path) -> tuple[str, int] | None:
    """The innermost template and line of a traceback, which Jinja rewrites to show templates."""
    place = None
    while traceback is not None:
        path = Path(traceback.tb_frame.f_code.co_filename)
        if path.is_relative_to(root):
            place = path.relative_to(root).as_posix(), traceback.tb_lineno
        traceback = traceback.tb_next
    return place


def _tidy(raw: str, template: str) -> str:
    lines = [line.rstrip() for line in align(raw.splitlines())]
    # Blocks that render to nothing leave blank lines behind: keep one.
    single = [line for blank, group in groupby(lines, lambda line: not line) for line in ([""] if blank else group)]
    text = "\n".join(single).strip("\n") + "\n"
    if "\t" in text or not text.isascii():
        raise RequestError(f"template {template} renders to tabs or letters outside ASCII, which upstream cannot read")
    return text


def _check_rows(template: str, written: list[Any], meant: list[Row]) -> None:
    """Rows that did not come from `row()` have no number and shift those that do."""
    if written == [row.as_list() for row in meant]:
        return
    raise RequestError(f"template {template}: every row must be written with row(...), so that its number is right")
