"""FHIR R5 without DICOM: datatypes, Bundles, XHTML, checks, `_summary` and `_elements`.

Read `datatypes` first. A resource is a `dict` in the shape of FHIR's JSON. Nothing here
depends on where a resource comes from or where it is stored.
"""
