"""The FHIR REST API: a Request becomes a Response.

`router` is the way in; `http` has the two types, `ports` what the API needs of the
store and of the archive. Neither Orthanc nor SQL enters.
"""
