import json

import pytest
from imaging_selection.errors import SourceError
from imaging_selection.sync import change_log as change_log_module
from imaging_selection.sync.change_log import OVERLAP, ChangeLog
from imaging_selection.sync.inventory import Inventory
from imaging_selection.sync.ports import Change


class TestRead:
    """What the log shows."""

    @pytest.fixture(autouse=True)
    def begun(self, change_log):
        assert change_log.resume(None) is False

    def test_an_object_is_found_and_an_image_is_not(
        self, inventory, source, change_log
    ):
        source.keep("a")
        source.keep_image("image")
        assert change_log.read(1) == ["a"]
        assert inventory.is_pending("a")
        assert len(inventory) == 1

    def test_no_entry_is_read_twice(self, source, change_log):
        source.keep_image("image")
        change_log.read(1)
        change_log.read(1)
        assert source.asked == ["image"]

    def test_what_is_pending_already_is_not_new(self, inventory, source, change_log):
        source.keep("a")
        inventory.announce(["a"])
        assert change_log.read(1) == []

    def test_what_was_confirmed_is_new_with_another_file_only(
        self, inventory, source, change_log
    ):
        inventory.announce(["a", "b"])
        source.keep("a")
        source.keep("b")
        for name in ("a", "b"):
            announcement = inventory.announcement(name)
            inventory.confirm(name, announcement, source.attachment_uuid(name))
        source.keep("a", attachment_uuid="uuid-2")
        assert change_log.read(1) == ["a"]

    def test_a_lower_number_that_comes_later_is_seen(self, source, change_log):
        # Of two nodes, one may commit its change after the other.
        source.keep_image("image", number=OVERLAP + 7)
        change_log.read(1)
        source.keep("a", number=8)
        assert change_log.read(1) == ["a"]

    def test_other_changes_are_passed_over(self, source, change_log):
        source.log.append(Change(1, "NewSeries", "a", "date-1"))
        assert change_log.read(1) == []
        assert source.asked == []

    def test_no_more_pages_are_read_than_asked_for(self, source, change_log):
        for number in range(1, 2001):
            source.keep_image(f"image-{number}")
        change_log.read(1)
        read = len(source.asked)
        assert 0 < read < 2000
        change_log.read(99)
        assert len(source.asked) == 2000

    def test_the_log_is_at_its_end_when_no_full_page_is_left(self, source, change_log):
        assert not change_log.is_at_end
        change_log.read(1)
        assert change_log.is_at_end
        for number in range(1, 801):
            source.keep_image(f"image-{number}")
        change_log.read(1)
        assert not change_log.is_at_end
        change_log.read(1)
        assert change_log.is_at_end

    def test_what_was_found_before_orthanc_failed_is_returned(self, source, change_log):
        source.keep("a")
        source.keep_image("image")
        source.keep("b")
        original = source.kind_of

        def fail(name):
            if name == "image":
                raise SourceError("not now")
            return original(name)

        source.kind_of = fail
        assert change_log.read(1) == ["a"]
        assert not change_log.is_at_end
        with pytest.raises(SourceError):
            change_log.read(1)
        source.kind_of = original
        assert change_log.read(1) == ["b"]


class TestPosition:
    """Where reading goes on after a restart."""

    @pytest.fixture
    def position(self, source, change_log):
        change_log.resume(None)
        source.keep("a")
        source.keep_image("image")
        change_log.read(1)
        return change_log.position

    def test_what_came_meanwhile_is_found(self, source, position):
        source.keep("b")
        inventory = Inventory()
        later = ChangeLog(source, inventory)
        assert later.resume(position) is True
        inventory.announce(["a"])  # from the ledger
        assert later.read(1) == ["b"]

    def test_an_empty_log_has_no_position(self, change_log):
        change_log.resume(None)
        assert change_log.position is None

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
    def test_a_log_without_that_entry_is_not_resumed(self, source, position, harm):
        harm(source.log)
        assert ChangeLog(source, Inventory()).resume(position) is False

    def test_a_position_names_the_entry_by_more_than_its_number(self, position):
        assert json.loads(position) == [2, "image", "date-2"]


def test_orthanc_is_not_asked_about_what_the_callback_has_seen(
    source, change_log, inventory
):
    change_log.resume(None)
    source.keep_image("image")
    source.keep_image("of another node")
    source.keep("a")
    change_log.ignore("image")
    assert change_log.read(1) == ["a"]
    assert source.asked == ["of another node", "a"]
    assert list(inventory.ids()) == ["a"]


def test_what_the_callback_has_seen_is_forgotten_when_it_is_too_much(
    source, change_log, monkeypatch
):
    monkeypatch.setattr(change_log_module, "_MAXIMUM_OTHERS", 2)
    change_log.resume(None)
    for name in ("a", "b", "c"):
        source.keep_image(name)
        change_log.ignore(name)
    assert change_log.read(1) == []
    assert source.asked == ["a", "b"]
