"""A node that saves objects for one target, without sending anything."""

from imaging_selection.search.extract import Indexed, Token
from imaging_selection.store.draft import Draft
from imaging_selection.store.lease import Held, Leases
from imaging_selection.store.ledger import CONVERTED, LedgerEntry
from imaging_selection.store.notes import DELIVERED, Notes
from imaging_selection.store.outbox import Outbox, Settled
from imaging_selection.store.selections import Selections

FIRST, LATER = "2021-03-04T05:06:07.000Z", "2021-03-04T05:06:08.000Z"
LAST = "2021-03-04T05:06:09.000Z"
TARGET = "clinic-113047"


def orthanc_id(number):
    return "-".join([f"{number:08x}"] * 5)


ONE, TWO, PATIENT = orthanc_id(1), orthanc_id(2), orthanc_id(3)


def draft(identity, text="", *tokens, resource_type="ImagingSelection"):
    content = f'{{"resourceType":"{resource_type}","id":"{identity}","x":"{text}"}}'
    index = Indexed(frozenset({Token("_id", "", identity), *tokens}), frozenset(), {})
    return Draft(resource_type, identity, content.encode(), index)


class Node:
    def __init__(self, database, holder="node-113047"):
        self.database = database
        self.selections = Selections(database)
        self.outbox = Outbox(database)
        self.notes = Notes(database)
        self.leases = Leases(database, holder)
        self.held = Held(TARGET, holder)

    def save(self, instance, *drafts, now=FIRST, state=CONVERTED):
        entry = LedgerEntry(instance, state, "file-113047", "1-a", now)
        self.selections.save_all([(entry, drafts)], now)

    def due(self, now=LAST):
        return self.outbox.due(TARGET, now, 10)

    def deliver(self, now=LATER, **facts):
        """Settle all that is due as delivered."""
        for each in self.due(now):
            settled = Settled(DELIVERED, revision="revision-113047", names=[])
            self.outbox.settle(self.held, each, settled._replace(**facts), now)

    def compare(self, limit=10, *, force=False):
        after = ""
        while after is not None:
            after = self.notes.compare(TARGET, after, limit, LAST, force=force)
