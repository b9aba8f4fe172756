"""RT Structure Sets stored in Orthanc, served as FHIR R5 ImagingSelection."""

__version__ = "0.1.0"
