"""FHIR search: the table of parameters, and what follows from it.

`parameters` is the table. `extract` and `normalize` turn a resource into index entries,
`parse_request` and `parse_criterion` turn a request into `criteria`. No SQL and no HTTP
enters.
"""
