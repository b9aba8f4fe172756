"""What a measurement comes to: a row with its budget, its figure and a verdict."""

import statistics
from dataclasses import asdict, dataclass, field

MET, MISSED, UNDECIDED, TOLD, FAILED = "met", "not met", "undecided", "-", "failed"


@dataclass(frozen=True)
class Row:
    """One line of the table.

    Attributes
    ----------
    budget
        What DESIGN asks; empty where a figure is there for comparison only.
    verdict
        `met`, `not met`, `undecided` (the noise is larger than the question), `-`
        (no budget) or `failed` (could not be measured; `measured` says why).
    figures
        The numbers behind `measured`, and what else was seen.
    """

    family: str
    what: str
    budget: str
    measured: str
    verdict: str
    figures: dict = field(default_factory=dict)

    def as_json(self):
        """Give it as a JSON object."""
        return asdict(self)


def judge(*, met):
    """Turn a truth into a verdict."""
    return MET if met else MISSED


def table(rows):
    """Write rows as lines of text, the verdict first."""
    lines, family = [], None
    for row in rows:
        if row.family != family:
            family = row.family
            lines += ["", family]
        budget = f"  [{row.budget}]" if row.budget else ""
        lines.append(f"  {row.verdict:9}  {row.what}: {row.measured}{budget}")
    return "\n".join(lines)


def quantile(values, share):
    """Give the value below which a share of the values lies."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


def milliseconds(values):
    """Summarize seconds, as milliseconds."""
    return {
        "median_ms": round(statistics.median(values) * 1e3, 3),
        "p95_ms": round(quantile(values, 0.95) * 1e3, 3),
        "longest_ms": round(max(values) * 1e3, 3),
        "count": len(values),
    }
