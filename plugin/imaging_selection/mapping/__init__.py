"""DICOM values become FHIR resources: same input, same output.

The modules here are for every kind of object: `choices` (what goes in and comes out),
`selection`, `tags`, codes (`terminology`), body sites, performers, references, times,
extensions. What belongs to one kind of object is in its folder: `rtstruct`, `seg`,
`sr`. No file is opened, no clock is read, nothing is stored.
"""
