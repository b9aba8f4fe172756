from imaging_selection.search.extract import Token
from imaging_selection.store.ledger import FAILED
from imaging_selection.store.notes import PENDING, REFUSED
from imaging_selection.store.schema import METADATA
from sqlalchemy import insert
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
    orthanc_id,
)


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
    assert len(node.due()) == 2
    node.deliver()

    node.notes.note_referring(TARGET, ONE, [f"{ONE}-1"], LATER)

    assert [each.orthanc_id for each in node.due()] == [TWO]


def test_a_row_of_another_node_does_not_disturb_a_comparison(node):
    node.save(ONE, draft(ONE))
    table = METADATA.tables["imaging_selection_deliveries"]
    row = node.due()[0]
    with node.database.transaction() as connection:
        values = {"target": "other-113047", "names": "[]", "due_at": LATER}
        connection.execute(insert(table), row._asdict() | values)

    node.compare()

    assert len(node.due()) == 1
