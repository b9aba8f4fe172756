import pytest
from imaging_selection.search.extract import Indexed, Token
from imaging_selection.store.draft import Draft
from imaging_selection.store.lease import Held, Leases
from imaging_selection.store.ledger import CONVERTED, FAILED, LedgerEntry
from imaging_selection.store.notes import (
    DELIVERED,
    PENDING,
    REFUSED,
    WAITING,
    Notes,
)
from imaging_selection.store.outbox import Outbox, Settled
from imaging_selection.store.schema import METADATA, SELECTIONS
from imaging_selection.store.selections import Selections
from sqlalchemy import insert

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


@pytest.fixture
def node(database):
    node = Node(database)
    node.leases.register(TARGET)
    assert node.leases.take(TARGET, 60)
    return node


def test_nothing_is_noted_where_there_is_no_target(database):
    node = Node(database)

    node.save(ONE, draft(ONE))

    assert node.due() == []


def test_a_save_is_due_for_each_target(node):
    node.leases.register("other-113047")

    node.save(ONE, draft(ONE))

    for target in (TARGET, "other-113047"):
        (due,) = node.outbox.due(target, LAST, 10)
        assert due.target == target
        assert (due.orthanc_id, due.state, due.since) == (ONE, PENDING, FIRST)
        assert (due.revision, due.names, due.is_related) == ("", frozenset(), False)


def test_what_was_delivered_is_due_again_only_when_its_content_changes(node):
    node.save(ONE, draft(ONE))
    node.deliver()

    node.save(ONE, draft(ONE), now=LATER)
    assert node.due() == []
    node.save(ONE, draft(ONE, "other"), now=LATER)

    (due,) = node.due()
    assert (due.revision, due.since) == ("revision-113047", LATER)


def test_a_deletion_is_due(node):
    node.save(ONE, draft(ONE))
    node.deliver()

    node.selections.remove(ONE, LATER)

    assert [each.orthanc_id for each in node.due()] == [ONE]
    assert [bool(each.content) for each in node.outbox.resources(ONE)] == [False]


def test_a_change_while_it_is_sent_is_due_afterwards(node):
    node.save(ONE, draft(ONE))
    (sent,) = node.due()
    node.save(ONE, draft(ONE, "other"), now=LATER)

    settled = Settled(DELIVERED, revision="first", names=[f"ImagingSelection/{ONE}"])
    node.outbox.settle(node.held, sent, settled, LATER)

    (due,) = node.due()
    assert due.revision == "first"
    assert due.names == {f"ImagingSelection/{ONE}"}
    assert due.since == FIRST  # the target has never been up to date


def test_what_is_to_be_sent_is_kept_before_it_is_sent(node):
    node.save(ONE, draft(ONE))
    names = (f"ImagingSelection/{ONE}-1", f"ImagingSelection/{ONE}-2")

    assert node.outbox.intend(node.held, LATER, {ONE: names, PATIENT: ("Patient/p",)})
    assert node.outbox.intend(node.held, LATER, {ONE: names[:1]})

    (due,) = node.due()
    assert due.names == {*names}
    patient = node.outbox.read(TARGET, PATIENT)
    assert (patient.is_related, patient.names) == (True, {"Patient/p"})


def test_one_who_has_lost_the_lease_sends_nothing_and_its_record_is_void(
    node, open_database
):
    node.save(ONE, draft(ONE))
    (sent,) = node.due()
    node.leases.end(TARGET)
    other = Node(open_database(), "other-node")
    assert other.leases.take(TARGET, 60)

    assert not node.outbox.intend(node.held, LATER, {ONE: ()})
    node.outbox.settle(node.held, sent, Settled(DELIVERED, revision="x"), LATER)

    (due,) = other.due()
    assert (due.revision, due.state) == ("", PENDING)
    assert due.mark != sent.mark


def test_a_first_connection_finds_what_was_there_before(database):
    node = Node(database)
    for number in range(25):
        node.save(orthanc_id(number), draft(orthanc_id(number)))
    node.save(orthanc_id(30), state=FAILED)
    node.leases.register(TARGET)

    node.compare(limit=10)

    found = {each.orthanc_id for each in node.outbox.due(TARGET, LAST, 100)}
    assert found == {orthanc_id(number) for number in range(25)}


def test_a_comparison_notes_nothing_that_is_up_to_date(node):
    for number in range(25):
        node.save(orthanc_id(number), draft(orthanc_id(number)))
    while node.due():
        node.deliver(now=LAST)

    node.compare(limit=10)

    assert node.due() == []


def test_a_forced_comparison_notes_everything(node):
    for each in (ONE, TWO):
        node.save(each, draft(each))
    node.deliver()

    node.compare(limit=1, force=True)

    assert [each.revision for each in node.due()] == ["", ""]


def test_what_the_store_does_not_know_any_more_is_noted(node):
    node.save(ONE, draft(ONE))
    node.deliver()
    with node.database.transaction() as connection:
        for table in METADATA.sorted_tables:
            if table.name.endswith(("selections", "structure_sets")):
                connection.execute(table.delete())

    node.compare()

    assert [each.orthanc_id for each in node.due()] == [ONE]


def test_a_ledger_that_is_made_again_notes_nothing_that_is_there(node):
    for each in (ONE, TWO):
        node.save(each, draft(each))
    node.deliver()
    with node.database.transaction() as connection:
        ledger = METADATA.tables["imaging_selection_structure_sets"]
        connection.execute(ledger.delete())

    node.compare(limit=1)

    assert node.due() == []


def test_a_patient_is_noted_only_where_the_plugin_created_it(node):
    def save_patient(text):
        node.selections.note_stale([("Patient", PATIENT)])
        (noted,) = node.selections.stale(9)
        saved = draft(PATIENT, text, resource_type="Patient")
        node.selections.save_referred(noted, saved, LATER)

    save_patient("first")
    assert node.due() == []
    node.outbox.intend(node.held, FIRST, {PATIENT: (f"Patient/{PATIENT}",)})
    assert node.due() == []
    assert node.outbox.count(TARGET) == {}
    save_patient("second")

    assert [each.orthanc_id for each in node.due()] == [PATIENT]
    assert node.outbox.resource("Patient", PATIENT).endswith(b'"second"}')
    assert node.outbox.count(TARGET) == {PENDING: (1, FIRST)}


def test_a_retry_concerns_what_failed_or_one_object(node):
    for each in (ONE, TWO):
        node.save(each, draft(each))
    node.deliver(state=REFUSED, reason="422: no", attempts=3)
    assert node.due() == []

    node.notes.again(TARGET, LATER)

    assert [each.attempts for each in node.due()] == [0, 0]
    assert node.outbox.troubled(TARGET, REFUSED, 9) == []
    node.deliver()
    node.notes.again(TARGET, LATER, ONE)
    assert [(each.orthanc_id, each.revision) for each in node.due()] == [(ONE, "")]


def test_those_that_refer_to_a_resource_are_noted(node):
    refers = Token("derived-from", "ImagingSelection", f"{ONE}-1")
    node.save(ONE, draft(f"{ONE}-1"))
    node.save(TWO, draft(f"{TWO}-1", "", refers, resource_type="Observation"))
    (one, _two) = node.due()
    node.deliver()

    node.notes.note_referring(one, [f"{ONE}-1"], LATER)

    assert [each.orthanc_id for each in node.due()] == [TWO]


def test_the_counts_are_by_state_with_the_first_time(node):
    node.save(ONE, draft(ONE))
    node.deliver(now=LATER)
    node.save(TWO, draft(TWO), now=LATER)
    (due,) = node.due()
    node.outbox.settle(node.held, due, Settled(WAITING, LAST, "why", 1), LATER)

    assert node.outbox.count(TARGET) == {DELIVERED: (1, LATER), WAITING: (1, LATER)}
    (held,) = node.outbox.troubled(TARGET, WAITING, 9)
    assert (held.reason, held.attempts) == ("why", 1)


def test_a_dropped_row_is_gone_unless_it_was_noted_again(node):
    for each in (ONE, TWO):
        node.save(each, draft(each))
    one, two = node.due()
    node.save(TWO, draft(TWO, "other"))

    node.outbox.drop(node.held, one)
    node.outbox.drop(node.held, two)

    assert [each.orthanc_id for each in node.due()] == [TWO]


def test_a_store_that_is_made_again_keeps_what_the_targets_have(node, open_database):
    node.save(ONE, draft(ONE))
    node.deliver()
    with node.database.transaction() as connection:
        shape = METADATA.tables["imaging_selection_store"]
        connection.execute(
            shape.update()
            .where(shape.c.name == f"shape of {SELECTIONS.name}")
            .values(value="of an older version")
        )

    again = Node(open_database())
    again.database.ping()

    assert again.outbox.resources(ONE) == []
    assert again.outbox.read(TARGET, ONE).revision == "revision-113047"


def test_names_are_kept_short(node):
    node.save(ONE, draft(ONE))
    names = {f"ImagingSelection/{ONE}-{number}" for number in range(100)}
    node.outbox.intend(node.held, LATER, {ONE: tuple(names)})

    assert node.due()[0].names == names
    table = METADATA.tables["imaging_selection_deliveries"]
    ((text,),) = node.database.rows(table.select().with_only_columns(table.c.names))
    assert len(text) < 25 * len(names)


def test_a_row_of_another_node_does_not_disturb_a_comparison(node):
    node.save(ONE, draft(ONE))
    table = METADATA.tables["imaging_selection_deliveries"]
    row = node.due()[0]
    with node.database.transaction() as connection:
        values = {"target": "other-113047", "names": "[]", "due_at": LATER}
        connection.execute(insert(table), row._asdict() | values)

    node.compare()

    assert len(node.due()) == 1
