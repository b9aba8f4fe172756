"""The result of a measurement: a row with its budget, its figure and a verdict."""

import statistics
from dataclasses import asdict, dataclass, field

MET, MISSED, UNDECIDED, SHOWN, FAILED = "met", "not met", "undecided", "-", "failed"


@dataclass(frozen=True)
class Row:
    """One line of the table.

    Attributes
    ----------
    budget
        The limit; empty where a figure is only for comparison.
    verdict
        `met`, `not met`, `undecided` (the limit is within the noise), `-` (no budget)
        or `failed` (could not be measured; `measured` says why).
    figures
        The numbers behind `measured`, and others.
    """

    family: str
    what: str
    budget: str
    measured: str
    verdict: str
    figures: dict = field(default_factory=dict)

    def as_json(self):
        """Return it as a JSON object."""
        return asdict(self)


def judge(*, met):
    """Return the verdict on a budget."""
    return MET if met else MISSED


def judge_ratio(low, high, maximum):
    """Return the verdict on a ratio, of which an interval is known."""
    if low <= maximum < high:
        return UNDECIDED
    return judge(met=high <= maximum)


def table(rows):
    """Format rows as lines of text, the verdict first."""
    lines, family = [], None
    for row in rows:
        if row.family != family:
            family = row.family
            lines += ["", family]
        budget = f"  [{row.budget}]" if row.budget else ""
        lines.append(f"  {row.verdict:9}  {row.what}: {row.measured}{budget}")
    return "\n".join(lines)


def quantile(values, share):
    """Return the value below which this share of the values lies."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


def milliseconds(values):
    """Return a summary of seconds, in milliseconds."""
    return {
        "median_ms": round(statistics.median(values) * 1e3, 3),
        "p95_ms": round(quantile(values, 0.95) * 1e3, 3),
        "longest_ms": round(max(values) * 1e3, 3),
        "count": len(values),
    }
