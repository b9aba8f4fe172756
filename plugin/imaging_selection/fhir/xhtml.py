"""The narrative of a resource: a short XHTML text for people (R5 narrative.html).

Every text is escaped. Characters that XML does not allow must not be in it.
"""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from imaging_selection.fhir.datatypes import Resource


def narrative_of(
    title: str,
    facts: Iterable[tuple[str, object]],
    columns: Sequence[str] = (),
    rows: Iterable[Sequence[object]] = (),
) -> Resource:
    """Build a narrative: a title, facts as a list, and a table.

    Parameters
    ----------
    facts
        Label and value; those without a value are left out.
    columns, rows
        The table; none without columns.
    """
    parts = [f"<p>{_text(title)}</p>"]
    items = [
        f"<li>{_text(label)}: {_text(value)}</li>"
        for label, value in facts
        if value not in (None, "")
    ]
    if items:
        parts.append(f"<ul>{''.join(items)}</ul>")
    if columns:
        head = "".join(f"<th>{_text(each)}</th>" for each in columns)
        body = "".join(
            f"<tr>{''.join(f'<td>{_text(cell)}</td>' for cell in row)}</tr>"
            for row in rows
        )
        parts.append(f"<table><tbody><tr>{head}</tr>{body}</tbody></table>")
    content = "".join(parts)
    div = f'<div xmlns="http://www.w3.org/1999/xhtml">{content}</div>'
    return {"status": "generated", "div": div}


def _text(value: object) -> str:
    return "" if value is None else escape(str(value))
