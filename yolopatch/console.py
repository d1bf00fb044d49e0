"""What a command says while it works: notes, warnings and progress, all on stderr."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, Progress, SpinnerColumn, TaskID, TextColumn, TimeElapsedColumn


class Task:
    """One running operation; `update` moves its bar."""

    def __init__(self, progress: Progress | None, task_id: TaskID | None) -> None:
        self._progress = progress
        self._id = task_id

    def update(self, completed: float | None = None, total: float | None = None, text: str | None = None) -> None:
        """Set how far the operation is; units are the caller's (files, percent, bytes)."""
        if self._progress is None or self._id is None:
            return
        self._progress.update(self._id, completed=completed, total=total)
        if text is not None:
            self._progress.update(self._id, description=text)


class Reporter:
    """Says what goes on, on stderr. Quiet keeps warnings only; verbose adds details."""

    def __init__(self, *, quiet: bool = False, verbose: bool = False) -> None:
        self.quiet = quiet
        self.verbose = verbose
        self._console = Console(file=sys.stderr, highlight=False, soft_wrap=True)

    @property
    def live(self) -> bool:
        """Whether a bar can be shown: on a terminal, and not with `-q`."""
        return self._console.is_terminal and not self.quiet

    def note(self, text: str) -> None:
        """One line about what happened."""
        if not self.quiet:
            self._console.print(text, markup=False)

    def detail(self, text: str) -> None:
        """A line that only `-v` shows."""
        if self.verbose:
            self._console.print(text, markup=False)

    def warn(self, text: str) -> None:
        """A line that is shown even with `-q`."""
        self._console.print(f"warning: {text}", markup=False)

    @contextmanager
    def task(self, text: str, total: float | None = None, *, plain: bool = True) -> Iterator[Task]:
        """Show `text` while the block runs: a bar on a terminal, one plain line elsewhere (none without `plain`)."""
        if self.quiet:
            yield Task(None, None)
            return
        if not self._console.is_terminal:
            if plain:
                self.note(f"{text} ...")
            yield Task(None, None)
            return
        columns = (SpinnerColumn(), TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn())
        with Progress(*columns, console=self._console, transient=True) as progress:
            yield Task(progress, progress.add_task(text, total=total))
