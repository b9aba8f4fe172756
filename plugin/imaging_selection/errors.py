"""The exceptions of the package.

Each carries facts, never HTTP: `api` maps those that a request may raise to a status
and an OperationOutcome, `sync` records those of a conversion as its reason, the command
prints them. No message has patient data: what is in a file is named by tag, position
and count, never by value, except UIDs where nothing else identifies an object.
"""

from typing import Any


class ImagingSelectionError(Exception):
    """The base class; its message says what could not be done, and where."""

    def __reduce__(self) -> tuple[Any, ...]:
        """Let an error cross from one process to another, whatever its parameters."""
        return _restore, (type(self), self.args, self.__dict__)


def _restore(
    kind: type[ImagingSelectionError], args: tuple[Any, ...], facts: dict[str, Any]
) -> ImagingSelectionError:
    error = kind.__new__(kind, *args)
    error.__dict__.update(facts)
    return error


class DicomError(ImagingSelectionError):
    """The bytes are no DICOM object that can be converted."""


class NotDicomError(DicomError):
    """The bytes are no DICOM file (PS3.10 7), or end before the data set begins."""


class UnsupportedObjectError(DicomError):
    """The SOP Class is none of those that are converted (`objects`)."""


class MalformedError(DicomError):
    """The data set contradicts itself, such as by a length beyond its container.

    Parameters
    ----------
    reason
        What is wrong, in words.
    offset
        Where, in bytes from the start of the data set.
    """

    def __init__(self, reason: str, offset: int) -> None:
        super().__init__(f"{reason} (at byte {offset} of the data set)")
        self.offset = offset


class UnusableError(DicomError):
    """The object can be read, but lacks what every resource needs."""


class MappingError(ImagingSelectionError):
    """A resource fails the R5 model or our own checks: a defect of this package."""


class DictionaryError(ImagingSelectionError):
    """A site's dictionary of names cannot be used; the message names the line."""


class WithoutContoursError(ImagingSelectionError):
    """Contours were requested for a selection that has none."""


class SearchError(ImagingSelectionError):
    """A search request is wrong.

    Parameters
    ----------
    message
        What is wrong, and what to do about it.
    parameter
        The name of the wrong parameter, as the client wrote it.
    issue_type
        A code of FHIR's issue-type: `invalid`, `not-supported`, `value`, ...
    """

    def __init__(
        self, message: str, parameter: str | None = None, issue_type: str = "invalid"
    ) -> None:
        super().__init__(message)
        self.parameter = parameter
        self.issue_type = issue_type


class InputError(ImagingSelectionError):
    """What the command was given cannot be read, or is too large."""


class TooCostlyError(ImagingSelectionError):
    """A search did not end within its time."""


class StoreError(ImagingSelectionError):
    """The store cannot be reached, or fails."""


class RefusedError(ImagingSelectionError):
    """The store works, and refuses the content: a retry is useless."""


class SourceError(ImagingSelectionError):
    """Orthanc did not return what was requested."""


class InternalError(ImagingSelectionError):
    """Something unexpected: a defect of this package. Its class alone is told."""

    def __init__(self, cause: str) -> None:
        super().__init__(f"internal error ({cause})")


class ExceededError(ImagingSelectionError):
    """A file needs more than one file may use; the message names the bound."""


class BusyError(ImagingSelectionError):
    """Too many files that take long are read at a time; later there is room."""


class StoppedError(ImagingSelectionError):
    """Orthanc is stopping."""


class ProcessError(ImagingSelectionError):
    """No process can be started that reads files."""


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


class TargetError(ImagingSelectionError):
    """A target does not answer as a FHIR server: nothing is known of what was sent.

    Parameters
    ----------
    message
        What is wrong, without what the target answered.
    is_down
        The same would happen to everything else that is sent.
    retry_after
        Seconds that the target wants to be left alone.
    """

    def __init__(
        self, message: str, *, is_down: bool = True, retry_after: float | None = None
    ) -> None:
        super().__init__(message)
        self.is_down = is_down
        self.retry_after = retry_after


class TargetRefusedError(ImagingSelectionError):
    """A target refuses what was sent: a retry is useless, or (409, 412) may not be.

    The message has what the target answered, so it may have patient data: it is for the
    status, and not for a log.

    Parameters
    ----------
    status
        Of HTTP.
    """

    def __init__(self, message: str, status: int) -> None:
        super().__init__(message)
        self.status = status


class NotYetError(ImagingSelectionError):
    """An object cannot be delivered yet; the message says what it waits for.

    Parameters
    ----------
    is_soon
        The plugin itself is about to provide it.
    """

    def __init__(self, message: str, *, is_soon: bool = False) -> None:
        super().__init__(message)
        self.is_soon = is_soon
