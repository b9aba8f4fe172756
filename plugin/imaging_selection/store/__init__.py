"""The store: derived data, rebuilt from Orthanc when missing or of an old make."""
