"""The FHIR REST API: a Request becomes a Response.

Read `router` first: the table of routes. `http` has the types, `ports` what the API
needs of the configuration, the store and Orthanc. Neither Orthanc nor SQL is used here.
"""
