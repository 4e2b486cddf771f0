"""The register of a plan: who is below whom, what may not be, the journal, and counts that add up."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from geo_service.errors import ConflictError, InvalidInputError
from geo_service.planning.register import CellRecord, RecordChange, Register

LEVELS = ("community", "grid", "leaf")


def cell(level, code, parent=None, **attributes):
    above = (LEVELS[LEVELS.index(level) - 1], parent) if parent else None
    return CellRecord(level, code, name=f"{level} {code}", parent=above, attributes=attributes)


def register():
    records = [
        cell("community", "A"),
        cell("community", "B"),
        cell("grid", "A1", "A", households=30),
        cell("grid", "A2", "A"),
        cell("grid", "B1", "B"),
        cell("leaf", "A1b", "A1", households=10),
        cell("leaf", "A1a", "A1", households=20),
    ]
    return Register(LEVELS, records)


def state(found):
    records = {record.key: record for record in found}
    return records, {key: found.children(key) for key in records}


def moved(code, parent, **attributes):
    return cell("leaf", code, parent, **attributes)


def test_children_come_in_order_and_paths_from_the_top():
    found = register()
    assert found.children(("grid", "A1")) == [("leaf", "A1a"), ("leaf", "A1b")]
    assert found.children(("leaf", "A1a")) == []
    assert list(found.below(("community", "A"))) == [
        ("grid", "A1"),
        ("leaf", "A1a"),
        ("leaf", "A1b"),
        ("grid", "A2"),
    ]
    assert found.path(("leaf", "A1a")) == [("community", "A"), ("grid", "A1"), ("leaf", "A1a")]
    assert found.path(("leaf", "gone")) == [("leaf", "gone")]
    assert found.taken("grid") == {"A1", "A2", "B1"}


def test_what_is_not_there_is_named_in_both_languages():
    found = register()
    assert found.get(("grid", "Z")) is None
    with pytest.raises(InvalidInputError, match="has no grid Z") as raised:
        found.require(("grid", "Z"), "into")
    (fault,) = raised.value.faults
    assert (fault.field, fault.value) == ("into", "grid Z")
    assert "Z" in fault.message.zh
    with pytest.raises(InvalidInputError, match="no level 'village'; use one of: community, grid, leaf"):
        found.depth("village")
    assert [found.depth(level) for level in LEVELS] == [0, 1, 2]


def test_a_cell_that_moves_leaves_its_old_parent():
    found = register()
    found.put(moved("A1a", "B1"))
    assert found.children(("grid", "A1")) == [("leaf", "A1b")]
    assert found.children(("grid", "B1")) == [("leaf", "A1a")]
    found.remove(("leaf", "A1a"))
    assert found.children(("grid", "B1")) == []


def test_writing_the_same_again_is_no_change():
    found = register()
    mark = found.mark()
    found.put(moved("A1a", "A1", households=20))
    assert found.touched_since(mark) == []
    assert found.since(mark) == []


def test_the_journal_gives_net_changes_and_forgets_them():
    found = register()
    mark = found.mark()
    was = found.require(("leaf", "A1a"))
    found.put(moved("A1a", "A2"))
    found.put(moved("A1a", "B1"))
    found.put(moved("new", "B1"))
    found.remove(("leaf", "new"))
    assert found.touched_since(mark) == [("leaf", "A1a"), ("leaf", "new")]
    assert found.before(mark) == {("leaf", "A1a"): was, ("leaf", "new"): None}
    assert found.since(mark) == [RecordChange(was.key, was, moved("A1a", "B1"))]
    assert found.mark() == mark


def test_strays_are_refused_by_name():
    found = register()
    for record, words in (
        (cell("grid", "Z"), "would belong to no community"),
        (cell("grid", "Z", "gone"), "would belong to community gone, which is no more"),
        (CellRecord("leaf", "Z", parent=("community", "A")), "a leaf belongs to a grid, not to a community"),
    ):
        mark = found.mark()
        found.put(record)
        with pytest.raises(InvalidInputError, match=words):
            found.refuse_strays([record.key])
        found.roll_back(mark)
    found.remove(("grid", "A1"))
    with pytest.raises(InvalidInputError, match="A1, which is no more"):
        found.refuse_strays([("grid", "A1")])
    found.refuse_strays([("community", "A"), ("grid", "B1")])


@given(st.lists(st.tuples(st.sampled_from("abcd"), st.sampled_from(["A1", "A2", "B1", None])), max_size=12))
def test_rolling_back_and_replaying_backwards_restore_everything(steps):
    found = register()
    before = state(found)

    def go():
        for code, parent in steps:
            if parent is None:
                found.remove(("leaf", f"A1{code}"))
            else:
                found.put(moved(f"A1{code}", parent))

    mark = found.mark()
    go()
    after = state(found)
    found.roll_back(mark)
    assert state(found) == before
    go()
    changes = found.since(mark)
    found.replay(change.reversed() for change in reversed(changes))
    assert state(found) == before
    found.replay(changes)
    assert state(found) == after


def test_a_record_that_moved_on_is_a_conflict():
    found = register()
    was = found.require(("leaf", "A1a"))
    found.put(CellRecord("leaf", "A1a", name="else", parent=was.parent, attributes=was.attributes))
    with pytest.raises(ConflictError, match="leaf A1a was changed meanwhile"):
        found.replay([RecordChange(was.key, was, moved("A1a", "A2", households=20))])


def test_counts_add_up_whoever_was_first():
    """A leaf of 10 households goes away here, meanwhile one of 4 came: 30 - 10 + 4."""
    found = register()
    was = found.require(("grid", "A1"))
    change = RecordChange(was.key, was, cell("grid", "A1", "A", households=20))
    found.put(cell("grid", "A1", "A", households=34))
    found.replay([change])
    assert found.require(("grid", "A1")).attributes == {"households": 24}
    found.replay([change.reversed()])
    assert found.require(("grid", "A1")).attributes == {"households": 34}


def test_a_count_that_is_no_more_is_a_conflict():
    found = register()
    was = found.require(("grid", "A1"))
    found.put(cell("grid", "A1", "A"))
    with pytest.raises(ConflictError):
        found.replay([RecordChange(was.key, was, cell("grid", "A1", "A", households=20))])


def test_no_more_go_than_there_are():
    """Of 30 households 10 go away here; where only 4 are left that cannot be, nor be taken back."""
    found = register()
    was = found.require(("grid", "A1"))
    found.put(cell("grid", "A1", "A", households=4))
    before = state(found)
    with pytest.raises(ConflictError, match="grid A1 was changed meanwhile"):
        found.replay([RecordChange(was.key, was, cell("grid", "A1", "A", households=20))])
    assert state(found) == before
