"""What a long run shows: how far it is, and at its end what failed."""

from __future__ import annotations

import time
from collections import Counter
from typing import IO, TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable

_SECONDS: Final = 0.2  # between two lines
_CLEAR: Final = "\r\x1b[K"


class Progress:
    """Counts the files of a run; shows the counts on a terminal, and a summary.

    Parameters
    ----------
    out
        Where it is shown.
    summary
        Show a summary at the end.
    """

    def __init__(
        self,
        out: IO[str],
        *,
        summary: bool,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._out = out
        self._shows = out.isatty()
        self._summary = summary
        self._clock = clock
        self._began = clock()
        self._shown = self._began
        self.converted = 0
        self.resources = 0
        self.unchanged = 0
        self._reasons: Counter[str] = Counter()

    @property
    def failed(self) -> int:
        """How many files could not be converted, or places not be read."""
        return self._reasons.total()

    def fail(self, reason: object) -> None:
        """Count a failure."""
        self._reasons[str(reason)] += 1

    def show(self) -> None:
        """Show the counts, if this is a terminal, and not too often."""
        now = self._clock()
        if not self._shows or now - self._shown < _SECONDS:
            return
        self._shown = now
        rate = self.converted / (now - self._began)
        self._out.write(
            f"{_CLEAR}{self.converted} files converted, {self.failed} failed,"
            f" {rate:.0f} a second"
        )
        self._out.flush()

    def clear(self) -> None:
        """Clear the line, so that another one can stand there."""
        if self._shows:
            self._out.write(_CLEAR)

    def end(self) -> None:
        """Show the summary."""
        self.clear()
        if not self._summary:
            return
        print(
            f"converted: {self.converted} files, {self.resources} resources;"
            f" unchanged since an earlier run: {self.unchanged};"
            f" failed: {self.failed}",
            file=self._out,
        )
        for reason, count in self._reasons.most_common():
            print(f"  {count} times: {reason}", file=self._out)
