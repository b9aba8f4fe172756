"""DICOM objects stored in Orthanc, served as FHIR R5 resources.

Data flows one way; each arrow is one plain function call with plain values::

    bytes --dicom--> StructureSet --mapping--> resources --store--> rows --api--> HTTP
      |                                            |
      sync: callback, change log, sweep            search: one table of parameters

`objects` is the table of what is converted: SOP class -> (read, map). `host` connects
all of it to Orthanc, `viewer` has the pages for people, `fhir` what every resource
needs. `convert` does the first two steps, without Orthanc and without a store.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from imaging_selection.fhir.datatypes import Resource
    from imaging_selection.mapping.choices import Choices

__version__ = "0.1.0"


def convert(
    data: bytes, *, choices: Choices | None = None, contours: bool = False
) -> Resource:
    """Convert a DICOM file to a FHIR Bundle (type `collection`).

    Parameters
    ----------
    data
        The content of the file.
    choices
        What shapes the resources, if not the defaults of `mapping.choices.Choices`.
    contours
        Fill in the contours (`instance.imageRegion3D`).

    Returns
    -------
    Resource
        The Bundle in FHIR's JSON shape: the structure set, its ROIs and its source
        images, each in file order, then what was measured, if that is chosen; or what a
        segmentation or a report becomes.

    Notes
    -----
    Coordinates and measured values are `decimal.Decimal`, with the digits of the file.

    Raises
    ------
    errors.DicomError
        The file cannot be read, or is of a kind that is not converted.

    Examples
    --------
    >>> from importlib import resources
    >>> example = resources.files("imaging_selection") / "data" / "example.dcm"
    >>> bundle = convert(example.read_bytes())
    >>> bundle["entry"][0]["resource"]["resourceType"]
    'ImagingSelection'
    """
    # Imported when called: who asks for `__version__` alone need not wait for pydicom.
    import json  # noqa: PLC0415
    from datetime import UTC, datetime  # noqa: PLC0415
    from decimal import Decimal  # noqa: PLC0415

    from imaging_selection import objects  # noqa: PLC0415
    from imaging_selection.fhir.bundles import collection_bundle  # noqa: PLC0415
    from imaging_selection.mapping.choices import Choices  # noqa: PLC0415
    from imaging_selection.mapping.rtstruct.contours_operation import (  # noqa: PLC0415
        json_of,
    )

    resources = objects.convert_and_measure(
        data, choices or Choices(), None, datetime.now(UTC)
    ).resources
    if not contours:
        return collection_bundle(resources)
    texts = (b"".join(json_of(each, data, contours=True)) for each in resources)
    return collection_bundle(json.loads(text, parse_float=Decimal) for text in texts)
