"""The exceptions of the package.

Each carries facts, never HTTP: `api` alone maps them to a status and an
OperationOutcome. No message holds patient data: what stands in a file is named by
tag, position and count, never by value, UIDs excepted where nothing else names it.
"""

from typing import Any


class ImagingSelectionError(Exception):
    """Something the package could not do, with a sentence that says what and where."""


class DicomError(ImagingSelectionError):
    """The bytes are not a structure set that can be converted."""


class NotDicomError(DicomError):
    """The bytes are no DICOM file (PS3.10 7), or stop before the data set begins."""


class UnsupportedObjectError(DicomError):
    """The SOP Class is none of those that are converted (`objects`)."""


class MalformedError(DicomError):
    """The data set contradicts itself: a length beyond its container, an odd nesting.

    Parameters
    ----------
    reason
        What is wrong, in words.
    offset
        Where, in bytes from the start of the data set.
    """

    def __init__(self, reason: str, offset: int) -> None:
        super().__init__(f"{reason} (at byte {offset} of the data set)")
        self.reason = reason
        self.offset = offset


class UnusableError(DicomError):
    """The structure set can be read, but lacks what no selection can do without."""


class DuplicateError(DicomError):
    """A structure set of the same UID, and with other content, was converted before."""


class MappingError(ImagingSelectionError):
    """A resource came out wrong: it fails the R5 model or our own checks of it."""


class WithoutContoursError(ImagingSelectionError):
    """A selection that names no ROIs was asked for their contours."""


class SearchError(ImagingSelectionError):
    """A search request that cannot be answered as it stands.

    Parameters
    ----------
    message
        What is wrong, and what to do about it.
    parameter
        The name of the parameter at fault, as the client wrote it.
    issue_type
        A code of FHIR's issue-type: `invalid`, `not-supported`, `value`, ...
    """

    def __init__(
        self, message: str, parameter: str | None = None, issue_type: str = "invalid"
    ) -> None:
        super().__init__(message)
        self.parameter = parameter
        self.issue_type = issue_type


class StoreError(ImagingSelectionError):
    """The store cannot be reached or does not answer as it should."""


class RefusedError(ImagingSelectionError):
    """The store is well, and does not take the content: no use in trying again."""


class SourceError(ImagingSelectionError):
    """Orthanc did not give what was asked of it."""


class ConfigError(ImagingSelectionError):
    """The configuration cannot be used; each problem names its key.

    Parameters
    ----------
    problems
        One sentence a problem.
    settings
        `config.Settings` of the keys that are right, defaults for the others.
    """

    def __init__(self, problems: tuple[str, ...], settings: Any = None) -> None:
        super().__init__("; ".join(problems))
        self.problems = problems
        self.settings = settings
