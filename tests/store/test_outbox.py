from imaging_selection.store.notes import DELIVERED, PENDING, WAITING
from imaging_selection.store.outbox import Settled
from imaging_selection.store.schema import METADATA, SELECTIONS
from support.outbox import (
    FIRST,
    LAST,
    LATER,
    ONE,
    PATIENT,
    TARGET,
    TWO,
    Node,
    draft,
)


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
