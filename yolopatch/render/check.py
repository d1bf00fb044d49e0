"""Is a rendered text a model that a parser can walk?"""

from __future__ import annotations

from typing import Any

import yaml

from yolopatch.errors import RequestError


def check_model(text: str, template: str) -> dict[str, Any]:
    """Reads a rendered model and checks its shape.

    Raises:
        RequestError: it is no YAML, a key is missing, or a row is not [from, repeats, module, args]
            with `from` naming earlier rows.
    """
    try:
        model = yaml.safe_load(text)
    except yaml.YAMLError as error:
        where = getattr(error, "problem_mark", None)
        line = f" at line {where.line + 1}" if where else ""
        raise RequestError(f"template {template} renders to something that is not YAML{line}; correct it") from error
    if not isinstance(model, dict):
        raise RequestError(f"template {template} renders to no mapping; it needs the keys nc, backbone and head")
    if type(model.get("nc")) is not int:
        raise RequestError(f"template {template}: 'nc' is not a whole number; write `nc: {{{{ nc }}}}`")
    for key in ("backbone", "head"):
        if not isinstance(model.get(key), list) or not model[key]:
            raise RequestError(f"template {template}: '{key}' is not a list of rows")
    for index, row in enumerate([*model["backbone"], *model["head"]]):
        problem = _row_problem(index, row)
        if problem:
            raise RequestError(f"template {template}: row {index} {problem}")
    return model


def _row_problem(index: int, row: Any) -> str | None:
    if not isinstance(row, list) or len(row) != 4:
        return "is not [from, repeats, module, args]"
    source, repeats, module, args = row
    if type(repeats) is not int or repeats < 1:
        return f"repeats {repeats!r} times, expected a whole number of 1 or more"
    if not isinstance(module, str):
        return f"has the module {module!r}, expected a name"
    if not isinstance(args, list):
        return f"({module}) has the arguments {args!r}, expected a list"
    for one in source if isinstance(source, list) else [source]:
        # Row 0 takes the image, which is -1 as well.
        if type(one) is not int or not -max(index, 1) <= one < index:
            return f"({module}) takes from {one!r}, which is no earlier row"
    return None
