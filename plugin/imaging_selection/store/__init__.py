"""The store: the resources, their index for search, and the state of each conversion.

All of it is derived data: the plugin makes it again from Orthanc if it is missing or of
another version. `schema` has the tables; read it first. SQL is here alone, and it is
the same for SQLite and PostgreSQL: only `engine` asks which database it is.
"""
