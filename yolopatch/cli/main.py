"""The entry point: finds the verb, runs it, and turns every failure into one line and an exit code."""

from __future__ import annotations

import importlib
import os
import signal
import sys
from collections.abc import Sequence
from typing import NoReturn

import click
import rich_click
from rich_click import RichGroup

from yolopatch import __version__
from yolopatch.cli.output import print_error, print_unexpected
from yolopatch.errors import EnvironmentFailed, RequestError, YolopatchError

VERBS = (
    *("apply", "list", "render", "verify", "deploy", "status", "revert"),
    *("data", "train", "sweep", "val", "predict", "inspect", "export", "compare", "weights"),
    *("drift", "refresh", "validate", "cache", "doctor", "completion"),
)

rich_click.rich_click.TEXT_PARAGRAPH_LINEBREAKS = "\n\n"
rich_click.rich_click.PADDING_HELPTEXT_FIRST_LINE = (0, 0, 1, 0)
rich_click.rich_click.COMMAND_GROUPS = {
    "yolopatch": [
        {"name": "Make a patched YOLO", "commands": ["list", "apply", "render", "weights"]},
        {
            "name": "Train and use a model",
            "commands": ["data", "train", "sweep", "val", "predict", "inspect", "export", "compare"],
        },
        {"name": "Look after a workspace", "commands": ["verify", "deploy", "status", "revert"]},
        {"name": "Look after the patches", "commands": ["drift", "refresh", "validate"]},
        {"name": "Look after this machine", "commands": ["doctor", "cache", "completion"]},
    ]
}


class LazyGroup(RichGroup):
    """Imports a verb's module only when that verb is asked for, so that the command starts fast."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """All verbs, in the order of the help page."""
        return list(VERBS)

    def get_command(self, ctx: click.Context, name: str) -> click.Command | None:
        """The verb called `name`."""
        if name not in VERBS:
            return None
        module = importlib.import_module(f"yolopatch.cli.{name}_cmd")
        command: click.Command = module.command
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """As click does, but a typo gets the nearest verb."""
        if args and not args[0].startswith("-") and args[0] not in VERBS:
            from yolopatch.catalog.names import unknown

            raise unknown("command", args[0], VERBS)
        return super().resolve_command(ctx, args)


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, "-V", "--version", message="yolopatch %(version)s")
def cli() -> None:
    """Put RevCol (reversible column networks) into YOLO v5, v7, v8 and v9.

    It takes upstream's code at a pinned commit, patches it, adds the RevCol backbone and its model YAML, and proves
    that the result builds and runs. The folder that it makes, a workspace, stands alone: upstream's own scripts train
    in it.

    yolopatch COMMAND --help tells more of a command, with examples. With --json a command prints one JSON document.
    Exit codes: 0 fine, 1 the check failed, 2 the request was wrong, 3 the environment failed. The documentation is in
    docs/ of the repository, in English and Chinese; mkdocs serve shows it as a site.

    \b
    The usual order:
      yolopatch doctor                                    is the machine ready?
      yolopatch list                                      what there is
      yolopatch apply --yolo v8 --variant revcol-n        make a workspace
      yolopatch data check d/data.yaml                    is the data set fit?
      yolopatch train yolov8-revcol-n --data d/data.yaml  train in it
      yolopatch val yolov8-revcol-n --data d/data.yaml    mAP, also by size
      yolopatch predict yolov8-revcol-n --source pics/    draw boxes
      yolopatch export yolov8-revcol-n --format onnx      or TorchScript
    When upstream has moved on, in a clone of the repository:
      yolopatch drift --yolo v8                           which patches broke?
      yolopatch refresh --yolo v8 --to v8.3.40 --write    carry them there
      yolopatch validate --yolo v8                        prove all of it
    """


def main(argv: Sequence[str] | None = None) -> NoReturn:
    """Run the command line and exit with 0 (fine), 1 (check failed), 2 (wrong request) or 3 (environment)."""
    sys.exit(_run(list(sys.argv[1:] if argv is None else argv)))


def _run(args: list[str]) -> int:
    as_json = "--json" in args
    # A polite end (kill, a batch system's time limit) cleans up as Ctrl-C does.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        result = cli.main(args=args, prog_name="yolopatch", standalone_mode=False)
    except click.exceptions.Exit as leave:
        return leave.exit_code
    except click.exceptions.NoArgsIsHelpError as help_page:
        print(help_page.format_message())
        return 2
    except click.UsageError as usage:
        where = f" (see {usage.ctx.command_path} --help)" if usage.ctx else ""
        return print_error(RequestError(f"{_one_line(usage.format_message())}{where}"), as_json)
    except (click.Abort, KeyboardInterrupt):
        stopped = YolopatchError("interrupted; nothing half-done was left")
        stopped.kind, stopped.exit_code = "interrupted", 130
        return print_error(stopped, as_json)
    except YolopatchError as error:
        return print_error(error, as_json)
    except BrokenPipeError:
        # The reader of our output went away (`| head`); say nothing more to it.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except OSError as error:
        return print_error(
            EnvironmentFailed(f"{error.strerror or error}: {error.filename or ''}".rstrip(": ")), as_json
        )
    except Exception as error:
        return print_unexpected(error, as_json)
    return result if isinstance(result, int) else 0


def _one_line(text: str) -> str:
    return " ".join(text.split()).rstrip(".")
