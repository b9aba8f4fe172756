import json
import threading

import pytest
from imaging_selection.errors import SourceError
from imaging_selection.sync.inventory import OVERLAP, Census, Change, Series

STRUCTURE_SETS = {"a", "b", "c"}


class FakeArchive:
    """Series by id, instances by id with the mark of their file, and a change log."""

    def __init__(self):
        self.content = {}
        self.marks = {}
        self.log = []
        self.asked = []

    def store(self, orthanc_id, mark="mark-1", number=None):
        self.marks[orthanc_id] = mark
        number = number or len(self.log) + 1
        self.log.append(Change(number, "NewInstance", orthanc_id, f"date-{number}"))
        self.log.sort(key=lambda change: change.number)

    def attachment_uuid(self, orthanc_id):
        return self.marks.get(orthanc_id)

    def is_structure_set(self, orthanc_id):
        self.asked.append(orthanc_id)
        return orthanc_id in STRUCTURE_SETS

    def series_ids(self):
        return list(self.content)

    def series(self, series_id):
        return self.content.get(series_id)

    def changes(self, after, limit):
        return [change for change in self.log if change.number > after][:limit]

    def last_change(self):
        return self.log[-1] if self.log else None


@pytest.fixture
def archive():
    return FakeArchive()


@pytest.fixture
def census(archive):
    return Census(archive)


def settle(census, archive, name):
    census.settled(name, census.ticket(name), archive.attachment_uuid(name))


class TestPending:
    """What is heard of, until it is proven."""

    def test_what_is_noted_is_pending_until_it_is_settled(self, census):
        census.note(["a"])
        assert (len(census), census.pending, census.is_pending("a")) == (1, 1, True)
        census.settled("a", census.ticket("a"), "mark-1")
        assert (len(census), census.pending, census.is_pending("a")) == (1, 0, False)

    def test_what_is_settled_as_gone_is_not_counted(self, census):
        census.note(["a"])
        census.settled("a", census.ticket("a"), None)
        assert (len(census), census.pending) == (0, 0)

    def test_what_is_noted_while_it_is_settled_goes_on_being_pending(self, census):
        census.note(["a"])
        ticket = census.ticket("a")
        census.note(["a"])
        census.settled("a", ticket, "mark-1")
        assert census.is_pending("a")

    def test_noting_again_does_not_hide_how_long_it_has_waited(self, census):
        census.note(["a"])
        before = census.lag
        census.note(["a"])
        assert census.lag >= before > 0

    def test_nothing_pending_has_no_lag(self, census):
        assert census.lag == 0

    def test_the_pending_come_first(self, census):
        census.note(["a", "b"])
        census.settled("a", census.ticket("a"), "mark-1")
        assert census.ids() == ["b", "a"]

    def test_many_threads_note_and_settle_without_losing_any(self, census):
        names = [f"name-{k}" for k in range(500)]
        threads = [threading.Thread(target=census.note, args=(names,)) for _ in "1234"]
        for thread in threads:
            thread.start()
        for name in names:
            census.settled(name, census.ticket(name), "mark-1")
        for thread in threads:
            thread.join()
        assert len(census) == 500


class TestTally:
    """Numbers that belong together."""

    def test_it_counts_the_failed_among_the_settled_that_are_there(self, census):
        census.note(["a", "b", "c"])
        for name in ("a", "b"):
            census.settled(name, census.ticket(name), "mark-1")
        assert census.tally(["b", "c", "gone"]) == (3, 1, {"b"})


class TestChangeLog:
    """What the log of Orthanc shows."""

    @pytest.fixture(autouse=True)
    def begun(self, census):
        assert census.resume(None) is False

    def test_a_structure_set_is_found_and_an_image_is_not(self, census, archive):
        archive.store("a")
        archive.store("image")
        assert census.follow(1) == ["a"]
        assert census.is_pending("a")
        assert len(census) == 1

    def test_nothing_is_looked_at_twice(self, census, archive):
        archive.store("image")
        census.follow(1)
        census.follow(1)
        assert archive.asked == ["image"]

    def test_what_is_pending_already_is_no_news(self, census, archive):
        archive.store("a")
        census.note(["a"])
        assert census.follow(1) == []

    def test_what_was_settled_is_news_with_another_file_only(self, census, archive):
        census.note(["a", "b"])
        archive.store("a")
        archive.store("b")
        settle(census, archive, "a")
        settle(census, archive, "b")
        archive.store("a", "mark-2")
        assert census.follow(1) == ["a"]

    def test_a_lower_number_that_comes_later_is_seen(self, census, archive):
        # Of two nodes, one may commit its change after the other.
        archive.store("image", number=OVERLAP + 7)
        census.follow(1)
        archive.store("a", number=8)
        assert census.follow(1) == ["a"]

    def test_other_changes_are_passed_over(self, census, archive):
        archive.log.append(Change(1, "NewSeries", "a", "date-1"))
        assert census.follow(1) == []
        assert archive.asked == []

    def test_so_many_pages_are_read_at_once(self, census, archive):
        for number in range(1, 2001):
            archive.store(f"image-{number}")
        census.follow(1)
        read = len(archive.asked)
        assert 0 < read < 2000
        census.follow(99)
        assert len(archive.asked) == 2000

    def test_it_has_caught_up_once_no_full_page_is_left(self, census, archive):
        assert not census.has_caught_up
        census.follow(1)
        assert census.has_caught_up
        for number in range(1, 801):
            archive.store(f"image-{number}")
        census.follow(1)
        assert not census.has_caught_up
        census.follow(1)
        assert census.has_caught_up

    def test_what_was_found_before_the_archive_failed_is_told(self, census, archive):
        archive.store("a")
        archive.store("image")
        archive.store("b")
        original = archive.is_structure_set

        def fail(name):
            if name == "image":
                raise SourceError("not now")
            return original(name)

        archive.is_structure_set = fail
        assert census.follow(1) == ["a"]
        assert not census.has_caught_up
        with pytest.raises(SourceError):
            census.follow(1)
        archive.is_structure_set = original
        assert census.follow(1) == ["b"]


class TestPlace:
    """From where the log is read after a restart."""

    @pytest.fixture
    def place(self, census, archive):
        census.resume(None)
        for name in ("a", "image"):
            archive.store(name)
        census.follow(1)
        return census.place

    def test_what_came_meanwhile_is_found(self, archive, place):
        archive.store("b")
        later = Census(archive)
        assert later.resume(place) is True
        later.note(["a"])  # from the ledger
        assert later.follow(1) == ["b"]

    def test_an_empty_log_has_no_place(self, census):
        census.resume(None)
        assert census.place is None

    @pytest.mark.parametrize(
        "harm",
        [
            pytest.param(lambda log: log.clear(), id="cleared"),
            pytest.param(lambda log: log.pop(), id="entry-gone"),
            pytest.param(
                lambda log: log.append(Change(2, "NewInstance", "x", log.pop().date)),
                id="of-another-index",
            ),
        ],
    )
    def test_a_log_that_does_not_lead_on_from_there_is_no_proof(
        self, archive, place, harm
    ):
        harm(archive.log)
        assert Census(archive).resume(place) is False

    def test_it_names_the_change_by_more_than_its_number(self, place):
        assert json.loads(place) == [2, "image", "date-2"]


class TestSeries:
    """What reading every series finds."""

    @pytest.mark.parametrize(
        ("modality", "asked", "thorough"),
        [
            ("RTSTRUCT", ["a", "image", "b"], False),
            ("RTPLAN", ["a", "image", "b"], False),
            ("", ["a", "image", "b"], False),
            ("CT", ["a"], False),
            ("CT", ["a", "image", "b"], True),
        ],
    )
    def test_the_sop_class_decides_and_images_are_asked_once(
        self, census, archive, modality, asked, thorough
    ):
        archive.content["series"] = Series(modality, ("a", "image", "b"))
        census.read_series("series", thorough=thorough)
        assert archive.asked == asked
        assert set(census.ids()) == STRUCTURE_SETS & set(asked)

    def test_what_is_known_is_not_asked_about(self, census, archive):
        archive.content["series"] = Series("RTSTRUCT", ("a",))
        census.note(["a"])
        census.read_series("series", thorough=True)
        assert archive.asked == []

    def test_a_series_that_is_gone_has_nothing(self, census):
        census.read_series("series", thorough=False)
        assert len(census) == 0
