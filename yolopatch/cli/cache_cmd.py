"""`yolopatch cache`: what was downloaded, is it whole, and away with it."""

from __future__ import annotations

from dataclasses import asdict
from datetime import datetime, timezone
from typing import Any

import rich_click as click

from yolopatch.cli.options import json_option, reporter, talk_options
from yolopatch.cli.output import print_json, table


@click.group("cache")
def command() -> None:
    """Look after the upstream trees that were downloaded.

    They are kept in one folder; YOLOPATCH_CACHE names another.

    \b
    Examples:
      yolopatch cache ls
      yolopatch cache prune --older-than 30
    """


@command.command("ls")
@json_option
def ls_command(as_json: bool) -> None:
    """List what the cache holds, the last used first.

    \b
    Examples:
      yolopatch cache ls
      yolopatch cache ls --json
    """
    from yolopatch.sources import Cache, ls

    entries = ls(Cache.default())
    rows = [{**_plain(asdict(entry)), "last_used": _date(entry.last_used)} for entry in entries]
    if as_json:
        print_json(rows)
        return
    cells = [_cells(row) for row in rows]
    table(cells, ("WHAT", "KEY", "KIND", "SIZE", "FILES", "LAST USED"))


@command.command("verify")
@json_option
@talk_options
def verify_command(as_json: bool, quiet: bool, verbose: bool) -> int:
    """Compare every file with its checksum; throw damaged entries away and exit 1.

    \b
    Examples:
      yolopatch cache verify
      yolopatch cache verify --quiet
    """
    from yolopatch.sources import Cache, verify

    checks = verify(Cache.default(), reporter(quiet, verbose))
    damaged = [check for check in checks if check.problem]
    if as_json:
        print_json({"ok": not damaged, "entries": [asdict(check) for check in checks]})
        return 1 if damaged else 0
    for check in damaged:
        click.echo(f"damaged, thrown away: {check.title}: {check.problem}")
    click.echo(f"{len(checks) - len(damaged)} of {len(checks)} entries are whole")
    return 1 if damaged else 0


@command.command("prune")
@click.option(
    "--older-than",
    type=click.IntRange(min=0),
    default=30,
    show_default=True,
    metavar="DAYS",
    help="Only what was not used for so long.",
)
@click.option("--all", "everything", is_flag=True, help="Everything.")
@json_option
def prune_command(older_than: int, everything: bool, as_json: bool) -> None:
    """Delete what was not used for some days.

    \b
    Examples:
      yolopatch cache prune
      yolopatch cache prune --older-than 7
      yolopatch cache prune --all
    """
    from yolopatch.sources import Cache, prune

    freed = prune(Cache.default(), None if everything else older_than * 86_400.0)
    if as_json:
        print_json({"freed_bytes": freed})
        return
    click.echo(f"freed {freed / 1e6:.1f} MB")


@command.command("path")
@json_option
def path_command(as_json: bool) -> None:
    """Print the cache's folder.

    \b
    Examples:
      yolopatch cache path
      du -sh "$(yolopatch cache path)"
    """
    from yolopatch.sources import Cache

    place = Cache.default().root
    if as_json:
        print_json({"path": str(place)})
        return
    click.echo(str(place))


def _plain(entry: dict[str, Any]) -> dict[str, Any]:
    return {**entry, "path": str(entry["path"])}


def _date(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, tz=timezone.utc).strftime("%Y-%m-%d %H:%M")


def _cells(row: dict[str, Any]) -> tuple[str, ...]:
    size = f"{row['size'] / 1e6:.1f} MB"
    return row["title"], row["key"][:20], row["kind"], size, str(row["files"]), row["last_used"]
