"""What goes into the API and what comes out of it: plain values, no Orthanc, no SQL."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator


@dataclass(frozen=True, slots=True)
class Request:
    """One HTTP request, as far as the host lets it through.

    Attributes
    ----------
    path
        Decoded, without the query: `/fhir/ImagingSelection/…`.
    parameters
        Decoded name and value pairs, of the URL or of a form body, in order.
    headers
        Lower-case names.
    """

    method: str
    path: str
    parameters: tuple[tuple[str, str], ...] = ()
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""


@dataclass(frozen=True, slots=True)
class Response:
    """One HTTP answer.

    Attributes
    ----------
    body
        All of it; or the parts of a large one, each made when it is asked for.
    """

    status: int
    body: bytes | Iterator[bytes]
    content_type: str
    headers: dict[str, str] = field(default_factory=dict)
