"""What a long run shows."""

import io

from imaging_selection.batch.progress import Progress


class Terminal(io.StringIO):
    def isatty(self):
        return True


class Clock:
    now = 0.0

    def __call__(self):
        return self.now


def test_a_terminal_shows_the_counts_and_not_too_often():
    out, clock = Terminal(), Clock()
    progress = Progress(out, summary=False, clock=clock)
    for _ in range(10):
        progress.converted += 1
        clock.now += 0.1
        progress.show()
    assert out.getvalue().count("files converted") < 10
    assert " files converted, 0 failed, 10 a second" in out.getvalue()


def test_nothing_is_shown_where_nobody_looks():
    out, clock = io.StringIO(), Clock()
    progress = Progress(out, summary=False, clock=clock)
    clock.now = 1
    progress.show()
    progress.clear()
    progress.end()
    assert out.getvalue() == ""


def test_the_summary_says_what_failed_and_how_often():
    out = io.StringIO()
    progress = Progress(out, summary=True)
    progress.converted, progress.resources, progress.unchanged = 3, 12, 4
    for reason in ("no DICOM file", "broken", "no DICOM file"):
        progress.fail(reason)
    progress.end()
    assert progress.failed == 3
    counts = "converted: 3 files, 12 resources; unchanged since an earlier run: 4"
    assert out.getvalue().splitlines() == [
        f"{counts}; failed: 3",
        "  2 times: no DICOM file",
        "  1 times: broken",
    ]
