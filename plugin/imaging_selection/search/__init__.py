"""FHIR search: the table of parameters, and what follows from it.

`parameters` has the tables; read it first. `extract`, `ranges` and `normalize` turn a
resource into index entries; `parse_request`, `parse_criterion` and `cursor` turn a
request into `criteria`. No SQL and no HTTP here.
"""
