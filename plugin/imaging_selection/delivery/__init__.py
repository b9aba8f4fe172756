"""Delivery: what the store holds is made so at other FHIR servers, the targets.

Each target has a `sender`, the module to read first. No thread of another package waits
for a target. What is to be delivered is in the store (`store.outbox`); here is nothing
that a crash could lose. No secret and no patient data is in a log or an error.
"""
