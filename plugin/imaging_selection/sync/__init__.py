"""Orthanc and the store made to agree: arrivals, deletions, sweeps, retries.

Start with `worker`. `inventory` knows which structure sets Orthanc holds, `convert`
brings the store up to date for one of them, `sweep` compares all. Orthanc and the
conversion are arguments.
"""
