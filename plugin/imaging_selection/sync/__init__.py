"""Make the store agree with Orthanc: new and deleted instances, sweeps, retries.

Start with `worker`, the thread. `inventory` lists the objects that Orthanc holds,
`change_log` finds new ones, `convert` updates the store for one object or a few,
`reconcile` compares all of them. Orthanc and the conversion are arguments: nothing here
knows what a structure set is.
"""
