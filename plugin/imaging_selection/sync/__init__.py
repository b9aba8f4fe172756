"""Make the store agree with Orthanc: new and deleted instances, sweeps, retries.

Start with `worker`, the thread. `inventory` lists the objects that Orthanc holds,
`change_log` finds new ones, `convert` updates the store for several at a time,
`reconcile` compares all of them. `pool` has the processes that read files. Orthanc and
the conversion are arguments: nothing here knows what a structure set is.
"""
