"""`script.py` is for Orthanc to load: its `import orthanc` works nowhere else."""

collect_ignore = ["script.py"]
