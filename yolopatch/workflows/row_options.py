"""Options of RevCol's row that a user sets: `--set fusion=attention --set supervision=true`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import yaml

from yolopatch.catalog import STOCK, Upstream, Variant
from yolopatch.errors import RequestError


def read_options(given: Sequence[str]) -> dict[str, Any]:
    """`NAME=VALUE` texts, the value written as in YAML.

    Raises:
        RequestError: a text has another form, or stands twice.
    """
    options: dict[str, Any] = {}
    for text in given:
        name, equals, value = text.partition("=")
        if not equals or not name.isidentifier():
            raise RequestError(f"--set {text}: write NAME=VALUE, for instance --set fusion=attention")
        if name in options:
            raise RequestError(f"--set {name} stands twice; give it once")
        try:
            options[name] = yaml.safe_load(value)
        except yaml.YAMLError:
            raise RequestError(f"--set {text}: the value is no YAML; a mapping is {{scale: 0.1}}") from None
    return options


def checked_options(upstream: Upstream, variant: Variant | None, options: Mapping[str, Any]) -> dict[str, Any]:
    """The options with this YOLO's default for the scale of supervision, as the model will take them.

    Raises:
        RequestError: the variant is `stock`, or RevCol refuses an option.
    """
    if not options:
        return {}
    if variant is None:
        raise RequestError(f"--set is for RevCol's row; {STOCK} is upstream's own model and has none")
    found = dict(options)
    supervision = found.get("supervision")
    if supervision is True or isinstance(supervision, dict):
        found["supervision"] = {"scale": upstream.supervision_scale, **({} if supervision is True else supervision)}
    _refuse_wrong(variant, found)
    return found


def _refuse_wrong(variant: Variant, options: Mapping[str, Any]) -> None:
    from yolopatch.payload.revcol import RevCol  # brings torch along, which takes a second

    row = [list(variant.channels), list(variant.blocks), variant.columns, {**variant.options, **options}]
    try:
        RevCol.parse_row(row, int(options.get("in_channels", 3)), 1)
    except (ValueError, TypeError) as error:
        raise RequestError(f"--set: {error}") from None
