"""What enters the API and what leaves it: plain values, no Orthanc, no SQL."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

#: What a request waits for: nothing; a row of the store, or a conversion; a search; a
#: file that is read.
Lane = Literal["status", "read", "search", "file"]
#: A version of FHIR, as the parameter `fhirVersion` of a media type names it.
FhirVersion = Literal["5.0", "4.0"]
FHIR_VERSIONS: tuple[FhirVersion, ...] = ("5.0", "4.0")


@dataclass(frozen=True, slots=True)
class Request:
    """One HTTP request, as far as the host passes it on.

    Attributes
    ----------
    path
        Decoded, without the query: `/fhir/ImagingSelection/…`.
    parameters
        Decoded name and value pairs, of the URL or of a form body, in order.
    headers
        Names in lower case.
    """

    method: str
    path: str
    parameters: tuple[tuple[str, str], ...] = ()
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""


@dataclass(frozen=True, slots=True)
class Response:
    """One HTTP response.

    Attributes
    ----------
    body
        The whole body; or the parts of a large one, each made when it is read.
    """

    status: int
    body: bytes | Iterator[bytes]
    content_type: str
    headers: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Route:
    """One row of the table of routes: which handler answers a method and a path.

    Attributes
    ----------
    path
        The parts that vary stand in braces: `/fhir/ImagingSelection/{id}`. A path that
        ends with a slash is answered without it too.
    handler
        Takes the request, and the value of each part in braces.
    operation
        The name of a FHIR interaction (`read`), of an operation (`$contours`), or of
        what the plugin does by itself (`status`).
    media
        What the response is: a FHIR resource, in the format that the client wants;
        plain JSON; or a page for people. A path may have a route of each kind: the
        header Accept decides.
    """

    method: str
    path: str
    handler: Callable[..., Response]
    operation: str
    media: Literal["fhir", "json", "page"] = "fhir"
    fhir_version: FhirVersion = "5.0"

    @property
    def has_effect(self) -> bool:
        """Whether a request changes something; the POSTs of the FHIR API only read."""
        return self.method != "GET" and self.media != "fhir"

    @property
    def ignores_parameters(self) -> bool:
        """Whether a resource is named by the path alone, and no search is parsed."""
        return self.media == "fhir" and self.operation not in _WITH_PARAMETERS


_WITH_PARAMETERS = {"search-type", "search-compartment", "capabilities"}
