"""DICOM values become FHIR resources: same input, same output.

The modules here are for every kind of object: codes, body sites, performers,
references, times, extensions. What belongs to one kind of object is in its folder:
`rtstruct`. No file is opened here, no clock is read, and nothing is stored.
"""
