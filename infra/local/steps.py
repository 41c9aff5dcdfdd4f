"""Progress display: a line per step with its time, and a bar where the step has a total.

On a terminal the lines are updated; elsewhere (CI, a pipe) a step prints one line when it begins
and one when it ends. All goes to standard error, because standard output is for results.
"""

import contextlib
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.progress import (
    Progress,
    ProgressColumn,
    SpinnerColumn,
    Task,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
)
from rich.table import Column
from rich.text import Text

PLAIN_SECONDS = 10
"""Between two progress lines of a step outside a terminal."""
BAR_WIDTH = 24
NOTE_WIDTH = 28


@dataclass
class Step:
    """A step that is running: ``advance`` counts finished units, ``note`` shows a short text."""

    title: str
    total: int | None
    _progress: Progress | None
    _task: TaskID | None
    _console: Console
    _done: int = 0
    _printed_at: float = field(default_factory=time.monotonic)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def advance(self, by: int = 1) -> None:
        with self._lock:
            self._done += by
            if self._progress is not None and self._task is not None:
                self._progress.advance(self._task, by)
            elif time.monotonic() - self._printed_at > PLAIN_SECONDS:
                self._printed_at = time.monotonic()
                self._console.print(f"  {self.title}: {self._done} of {self.total}", style="dim")

    def note(self, text: str) -> None:
        if self._progress is not None and self._task is not None:
            self._progress.update(self._task, note=text[:NOTE_WIDTH])


class Steps:
    """The display of all steps, as a context manager that always restores the terminal.

    It can be entered again, also inside itself.
    """

    def __init__(self, console: Console | None = None) -> None:
        self.console = console or Console(stderr=True, highlight=False)
        self.seconds: dict[str, float] = {}
        self._entered = 0
        self._progress = (
            Progress(
                SpinnerColumn(finished_text="[green]✓"),
                TextColumn("{task.description}"),
                _CountColumn(),
                TimeElapsedColumn(table_column=Column(min_width=7, no_wrap=True)),
                TextColumn("[dim]{task.fields[note]}", table_column=Column(max_width=NOTE_WIDTH)),
                console=self.console,
            )
            if self.console.is_terminal
            else None
        )

    def __enter__(self) -> Self:
        self._entered += 1
        if self._progress is not None and self._entered == 1:
            self._progress.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._entered -= 1
        if self._progress is not None and not self._entered:
            self._progress.stop()
            for task in self._progress.task_ids:
                self._progress.remove_task(task)

    @contextlib.contextmanager
    def step(self, title: str, total: int | None = None) -> Iterator[Step]:
        """Show ``title`` until the block ends. Threads can run steps at the same time."""
        task = None
        if self._progress is not None:
            task = self._progress.add_task(title, total=total, note="")
        else:
            self.console.print(f"{title} ...")
        started = time.monotonic()
        try:
            yield Step(title, total, self._progress, task, self.console)
        except BaseException:
            if self._progress is not None and task is not None:
                self._progress.update(task, description=f"[red]{title}: failed")
                self._progress.stop_task(task)
            raise
        took = self.seconds[title] = time.monotonic() - started
        if self._progress is not None and task is not None:
            self._progress.update(task, total=total or 1, completed=total or 1, note="")
        else:
            self.console.print(f"{title}: {took:.1f} s")


class _CountColumn(ProgressColumn):
    """A bar and a count, for the steps with a total."""

    def render(self, task: Task) -> Text:
        if task.total is None or task.total <= 1:
            return Text("")
        full = int(BAR_WIDTH * min(1.0, task.percentage / 100))
        bar = Text("━" * full, style="green")
        bar.append("━" * (BAR_WIDTH - full), style="bright_black")
        bar.append(f" {int(task.completed)}/{int(task.total)}")
        return bar
