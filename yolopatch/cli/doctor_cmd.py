"""`yolopatch doctor`: what would go wrong here, and how to mend it."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

import rich_click as click

from yolopatch.cli.options import json_option, reporter, talk_options
from yolopatch.cli.output import print_json

_SIGNS = {"ok": "ok", "warning": "WARNING", "problem": "PROBLEM"}


@click.command("doctor")
@click.option(
    "--python", type=click.Path(path_type=Path), metavar="PATH", help="Interpreter to look at; default: this one."
)
@json_option
@talk_options
def command(python: Path | None, as_json: bool, quiet: bool, verbose: bool) -> int:
    """Tell what of this environment would make apply or verify fail, with the fix.

    \b
    Examples:
      yolopatch doctor
      yolopatch doctor --python ~/envs/yolo/bin/python
    """
    from yolopatch.workflows.doctor import examine

    findings = examine(python, reporter(quiet, verbose))
    bad = any(finding.status == "problem" for finding in findings)
    if as_json:
        print_json({"ok": not bad, "findings": [asdict(finding) for finding in findings]})
        return 3 if bad else 0
    for finding in findings:
        if quiet and finding.status == "ok":
            continue
        click.echo(f"{_SIGNS[finding.status]:<8} {finding.name:<12} {finding.text}")
        if finding.fix and finding.status != "ok":
            click.echo(f"{'':<21} fix: {finding.fix}")
    return 3 if bad else 0
