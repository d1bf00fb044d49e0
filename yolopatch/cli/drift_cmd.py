"""`yolopatch drift`: how long the patches last along an upstream's history."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any

import rich_click as click

from yolopatch.cli.apply_cmd import LEVELS
from yolopatch.cli.options import json_option, reporter, talk_options, yolo_option
from yolopatch.cli.output import print_json, table, write_file
from yolopatch.errors import RequestError

if TYPE_CHECKING:
    from yolopatch.drift.model import Drift

_FILE = click.Path(path_type=Path, dir_okay=False)
_PICTURES = (".svg", ".html")


@click.command("drift")
@yolo_option
@click.option("--from", "first", metavar="REV", help="First commit: pin, tag, branch or id; default: the oldest pin.")
@click.option("--to", "last", metavar="REV", help="Last commit; default: HEAD of the remote.")
@click.option("--pin", metavar="NAME", help="Only the series of this pin; default: those of all pins.")
@click.option("--remote", metavar="URL", help="Where the history is; default: upstream's own repository.")
@click.option("--offline", is_flag=True, help="Use the history that is in the cache.")
@click.option("--releases", metavar="SPAN", help="Releases of the registry in place of commits: 8.1.0..8.3.39, 8.1.0..")
@click.option("--every", type=click.IntRange(1), default=1, metavar="N", help="One in N, and the newest of each minor.")
@click.option("--build", is_flag=True, help="Also build each commit's model and run it forward; some seconds each.")
@click.option("--level", type=click.Choice(LEVELS[1:3]), default="forward", show_default=True, help="How far to build.")
@click.option("--variant", default="revcol-a", show_default=True, metavar="NAME", help="Which one to build.")
@click.option(
    "--jobs", type=click.IntRange(1, 64), metavar="N", help="Builds at a time; default: one a core, 4 at most."
)
@click.option("--picture", type=_FILE, metavar="FILE", help="Also draw it: FILE.svg or FILE.html.")
@click.option("--junit", type=_FILE, metavar="FILE", help="Also write JUnit XML.")
@click.option("--exit-code", is_flag=True, help="Exit with 1 where no series fits the last commit.")
@json_option
@talk_options
def command(
    picture: Path | None, junit: Path | None, exit_code: bool, as_json: bool, quiet: bool, verbose: bool, **names: Any
) -> int:
    """Say at which commits of upstream's history each patch applies, and which commit broke it.

    \b
    Examples:
      yolopatch drift --yolo v9
      yolopatch drift --yolo v8 --from 8.1.0 --picture drift.svg
      yolopatch drift --yolo v8 --releases 8.0.20.. --every 10
      yolopatch drift --yolo v5 --from v7.0 --exit-code --junit drift.xml
    """
    if names["releases"] is not None and (names["first"] or names["last"]):
        raise RequestError("--releases takes a span of its own (8.1.0..8.3.39); leave --from and --to out")
    if picture is not None and picture.suffix not in _PICTURES:
        raise RequestError(f"--picture is {picture}; name a file that ends in {' or '.join(_PICTURES)}")
    from yolopatch.workflows.drift import DriftRequest, drift

    found = drift(DriftRequest(**names), reporter(quiet, verbose))
    _write(found, picture, junit)
    if as_json:
        print_json(found.to_json())
    else:
        _print(found)
    return 1 if exit_code and not found.covered_at(len(found.steps) - 1) else 0


def _write(found: Drift, picture: Path | None, junit: Path | None) -> None:
    from yolopatch.drift.junit import to_junit
    from yolopatch.drift.picture import to_html, to_svg

    if junit is not None:
        write_file(junit, to_junit(found))
    if picture is not None:
        write_file(picture, to_html(found) if picture.suffix == ".html" else to_svg(found))


def _print(found: Drift) -> None:
    count = len(found.steps)
    begin, end = found.steps[0], found.steps[-1]
    click.echo(
        f"{found.title}: {count} {found.steps_are}, {begin.commit[:12]} ({begin.date}) to "
        f"{end.commit[:12]} ({end.date}); series fit {_share(found.covered, count)}, "
        f"RevCol's patches {_share(found.served, count)}\n"
    )
    rows = [
        (", ".join(one.pins), one.name, _share(sum(one.fits_at(at) for at in range(count)), count))
        for one in found.sets
    ]
    table(rows, ("PINS", "SERIES", "FIT"))
    _print_builds(found)
    _print_gaps(found)
    _print_breaks(found)
    click.echo(f"\n{found.seconds:.1f} s, {found.asked} trials of a patch on versions of its files")


def _print_builds(found: Drift) -> None:
    if not found.builds:
        return
    states = [build.state for build in found.builds]
    sound = len(states) - states.count("stock-fails")
    share = _share(states.count("runs"), max(sound, 1))
    click.echo(f"\nthe model runs at {share} of the {found.steps_are} whose own model runs")
    if sound < len(states):
        click.echo(f"upstream's own does not run at {len(states) - sound}")
    reasons = Counter((build.state, build.why) for build in found.builds if build.state != "runs")
    rows = [(state, str(count), why[:90]) for (state, why), count in reasons.most_common()]
    if rows:
        table(rows, ("STATE", found.steps_are.upper(), "WHY"))


def _print_gaps(found: Drift) -> None:
    for first, last in found.gaps():
        begin, end = found.steps[first], found.steps[last]
        nearest = found.nearest(first)
        click.echo(
            f"\nno series fits {last - first + 1} {found.steps_are}, {begin.commit[:12]} ({begin.date}) to "
            f"{end.commit[:12]} ({end.date}); '{nearest.name}' is nearest, but for"
        )
        for row in nearest.misfits(first):
            click.echo(f"  {row.patch}: {row.outcomes[first].why}")


def _print_breaks(found: Drift) -> None:
    breaks = {(row.patch, at): row.outcomes[at].why for one in found.sets for row in one.rows for at in row.breaks()}
    if not breaks:
        return
    click.echo()
    rows = []
    for (patch, at), why in sorted(breaks.items(), key=lambda item: (item[0][1], item[0][0])):
        step = found.steps[at]
        rows.append((step.date, step.commit[:12], patch, why, step.subject[:60]))
    table(rows, ("BROKEN", "BY", "PATCH", "WHERE", "SUBJECT"))


def _share(part: int, whole: int) -> str:
    percent = 100 * part / whole
    # Nothing but all of them is 100 %.
    text = f"{percent:.1f}" if part == whole or percent < 99.95 else "99.9"
    return f"{part} of {whole} ({text}%)"
