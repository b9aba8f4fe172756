"""FHIR R5 without DICOM: datatypes, XHTML, the checks of a resource, parts of one.

A resource is a `dict` in the shape of FHIR's JSON. Nothing here knows where a resource
comes from, or where it is stored.
"""
