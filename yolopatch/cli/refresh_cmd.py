"""`yolopatch refresh`: carries a pin's patches to another commit of upstream's."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import rich_click as click

from yolopatch.cli.apply_cmd import LEVELS
from yolopatch.cli.options import json_option, reporter, talk_options
from yolopatch.cli.output import print_json
from yolopatch.errors import RequestError

if TYPE_CHECKING:
    from yolopatch.workflows.refresh_finish import Refreshed

_BEGIN = ("yolo", "to", "source", "dest", "remote", "origin")


@click.command("refresh")
@click.argument("folder", required=False, type=click.Path(path_type=Path), metavar="[DIR]")
@click.option("--yolo", metavar="NAME", help="Which YOLO.")
@click.option("--to", metavar="REV", help="Where to carry the patches: tag, branch, id, or a release's version.")
@click.option("--from", "source", metavar="PIN", help="Whose patches; default: the pin nearest in time.")
@click.option("--dest", type=click.Path(path_type=Path), metavar="DIR", help="Where to work; default: yolov8-refresh.")
@click.option("--remote", metavar="URL", help="Where upstream is; default: its own repository.")
@click.option(
    "--origin",
    type=click.Choice(["auto", "git", "pypi"]),
    help="Where REV is; default: git, else the package registry.",
)
@click.option("--offline", is_flag=True, help="Use nothing but the cache.")
@click.option("--write", is_flag=True, help="Also write the new pin into upstream.yaml.")
@click.option("--verify", "level", type=click.Choice(LEVELS), help="How far to prove the result; default: forward.")
@click.option("--continue", "go_on", is_flag=True, help="Go on in DIR after a conflict was resolved, or after a kill.")
@click.option("--skip", is_flag=True, help="Leave out the patch that does not merge, and go on in DIR.")
@click.option("--abort", is_flag=True, help="Give up: DIR goes, nothing else was written.")
@json_option
@talk_options
def command(as_json: bool, quiet: bool, verbose: bool, folder: Path | None, **names: Any) -> None:
    """Carry the patches of a pin to another commit of upstream's by 3-way merges, and prove them there.

    A patch that does not merge stops it, with git's conflict markers in DIR.

    \b
    Examples:
      yolopatch refresh --yolo v8 --to v8.3.40 --write
      yolopatch refresh --yolo v8 --to 8.4.150 --origin pypi
      yolopatch refresh yolov8-refresh --continue --write
    """
    from yolopatch.workflows import refresh as room

    talk = reporter(quiet, verbose)
    verbs = [verb for verb in ("go_on", "skip", "abort") if names[verb]]
    _check(folder, verbs, names)
    here = folder or Path.cwd()
    if verbs == ["abort"]:
        room.abort(here, talk)
        return
    if verbs:
        done = (room.go_on if verbs == ["go_on"] else room.skip)(here, talk, write=names["write"], level=names["level"])
    else:
        begin = {name: names[name] for name in (*_BEGIN, "offline", "write", "level")}
        begin["origin"] = names["origin"] or "auto"
        done = room.refresh(room.RefreshRequest(**begin), talk)
    if as_json:
        print_json(_as_json(done))
        return
    _print(done, quiet)


def _check(folder: Path | None, verbs: list[str], names: dict[str, Any]) -> None:
    if len(verbs) > 1:
        raise RequestError("give one of --continue, --skip and --abort")
    if verbs and any(names[name] is not None for name in _BEGIN):
        raise RequestError(f"--{verbs[0].replace('go_on', 'continue')} goes on with what was begun; give DIR alone")
    if verbs:
        return
    if folder is not None:
        raise RequestError(f"{folder}: say how to go on there: --continue, --skip or --abort (--dest begins anew)")
    for name in ("yolo", "to"):
        if names[name] is None:
            raise RequestError(f"--{name} is missing; yolopatch refresh --yolo v8 --to v8.3.40, say")


def _as_json(done: Refreshed) -> dict[str, Any]:
    return {
        "pin": done.state.name,
        "commit": done.state.commit,
        "archive": done.state.archive.model_dump() if done.state.archive else None,
        "from": done.state.source,
        "kept": list(done.entry.kept),
        "stand_ins": done.entry.stand_ins,
        "new": list(done.entry.files),
        "dropped": list(done.state.dropped),
        "skipped": list(done.state.skipped),
        "series": done.entry.series,
        "entry": done.entry.pin,
        "written": [str(path) for path in done.written],
        "parameters": done.parameters,
    }


def _print(done: Refreshed, quiet: bool) -> None:
    state, entry = done.state, done.entry
    if quiet:
        return
    proof = "; the model runs" if done.parameters else ""
    click.echo(f"{state.name} ({state.shown}, {state.date}) has the patches of {state.source}{proof}")
    for what, names in (
        ("as it is", entry.kept),
        ("another series has it", tuple(entry.stand_ins.values())),
        ("new context", tuple(entry.files)),
        ("dropped, not needed", state.dropped),
        ("left out", state.skipped),
    ):
        for name in names:
            click.echo(f"  {what:<24}  {name}")
    if done.upstream_yaml in done.written:
        click.echo(f"written to {done.upstream_yaml}")
        return
    click.echo(f"\nfor {done.upstream_yaml}, below 'series:' and 'pins:' (--write puts them there):\n")
    click.echo(f"{entry.series}\n{entry.pin}" if entry.series else entry.pin, nl=False)
