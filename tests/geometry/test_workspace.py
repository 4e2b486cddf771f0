"""Edits, undo, redo and replay in any order: the tiling is exact after every step, by other judges' word."""

from collections import Counter

import numpy as np
import pytest
import shapely
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from geo_service.errors import ConflictError, InvalidInputError
from geo_service.geometry import cut, edit
from geo_service.geometry.fabric import Fabric
from geo_service.geometry.rings import shape_of
from geo_service.geometry.stars import NOBODY, FabricStars
from geo_service.geometry.workspace import EdgeChange, Workspace, net
from tests.geometry.redrawing import KINDS, RandomEdits, at, held, picture, require_tiling, workspace
from tests.geometry.tilings import COMPACT, TILINGS, compact_tiling, exact_area2, random_tiling, square, units

#: Land given away at every tenth edit would leave none.
COMMON = [kind for kind in KINDS if kind != "give_away"] * 5 + ["give_away"]


def reversed_all(changes):
    return [change.reversed() for change in changes]


class Redrawing(RuleBasedStateMachine):
    """What a planner does to a tiling, on two workspaces: one edits, the other one only hears of it."""

    @initialize(
        cells=st.one_of(TILINGS, COMPACT), seed=st.integers(0, 10**6), holes=st.sets(st.integers(0, 8))
    )
    def begin(self, cells, seed, holes):
        kept = [cell for k, cell in enumerate(cells) if k not in holes] or list(cells)
        self.space = workspace(kept)
        self.copy = Workspace(self.space.base)
        self.edits = RandomEdits(self.space, seed)
        self.done, self.undone, self.pictures = [], [], [picture(self.space)]

    @rule(kind=st.sampled_from(KINDS))
    def edit(self, kind):
        before, next_leaf = picture(self.space), self.space.next_leaf
        nobody = set(self.space.edges(NOBODY))
        _, changes = self.edits.make(kind)
        if not changes:
            assert picture(self.space) == before
            assert self.space.next_leaf == next_leaf
            assert self.space.edges(NOBODY) == nobody
            return
        self.done.append(changes)
        self.undone.clear()
        self.pictures = [*self.pictures[: len(self.done)], picture(self.space)]
        self.copy.replay(changes, proved=len(self.done) % 2 == 0)

    @precondition(lambda self: self.done)
    @rule()
    def undo(self):
        changes = self.done.pop()
        for space in (self.space, self.copy):
            space.replay(reversed_all(changes), proved=True)
        self.undone.append(changes)

    @precondition(lambda self: self.undone)
    @rule()
    def redo(self):
        changes = self.undone.pop()
        self.space.replay(changes)
        self.copy.replay(changes, proved=True)
        self.done.append(changes)

    @precondition(lambda self: self.done)
    @rule()
    def hear_it_twice(self):
        """A change that was made already is refused, and nothing happens."""
        before = picture(self.copy)
        with pytest.raises(ConflictError):
            self.copy.replay(self.done[-1])
        assert picture(self.copy) == before

    @invariant()
    def is_a_tiling(self):
        if hasattr(self, "space"):
            assert picture(self.space) == self.pictures[len(self.done)]
            assert picture(self.copy) == picture(self.space)
            require_tiling(self.space)

    @invariant()
    def edges_and_stars_agree(self):
        if hasattr(self, "space"):
            faces = [NOBODY, *self.space.leaves()]
            seen = [(edge, face) for face in faces for edge in self.space.edges(face)]
            assert all(self.space.left_of(*edge) == face for edge, face in seen)
            assert Counter(edge for edge, _ in seen) == Counter((b, a) for (a, b), _ in seen)


TestRedrawing = Redrawing.TestCase
TestRedrawing.settings = settings(
    max_examples=25, stateful_step_count=25, deadline=None, suppress_health_check=list(HealthCheck)
)


def test_two_thousand_edits_of_three_hundred_leaves_leave_a_tiling():
    cells = compact_tiling(3, n_points=700, n_cells=300)
    space = workspace(cells)
    edits, log = RandomEdits(space, 4), []
    for _ in range(2000):
        _, changes = edits.make(edits.chance.choice(COMMON))
        if changes:
            log.append(changes)
    assert len(log) > 1000
    require_tiling(space)
    copy = Workspace(space.base)
    for changes in log:
        copy.replay(changes, proved=True)
    assert picture(copy) == picture(space)
    for changes in reversed(log):
        space.replay(reversed_all(changes), proved=True)
    assert picture(space) == picture(Workspace(space.base))
    assert all(shapely.equals(shape, cell) for shape, cell in zip(held(space).values(), cells, strict=True))


def fails_at(excinfo):
    (fault,) = excinfo.value.faults
    return fault.message, fault.place


def test_a_corner_may_not_come_to_lie_on_another_border():
    space = workspace([square(0, 0), square(10_000, 0)])
    before = picture(space)
    with pytest.raises(InvalidInputError) as found:  # the edge on the right runs through (20_000, 5_000)
        edit.move_vertex(space, at(0, 10_000), at(20_000, 5_000))
    assert "corner" in fails_at(found)[0] or "cross" in fails_at(found)[0]
    assert picture(space) == before


def test_a_hole_may_touch_its_shell_at_a_corner_but_not_inside_an_edge():
    ring = units(
        [(0, 0), (10_000, 0), (10_000, 10_000), (0, 10_000)],
        [(3_000, 3_000), (6_000, 3_000), (6_000, 6_000), (3_000, 6_000)],
    )
    space = workspace([ring, square(3_000, 3_000, 3_000)])
    with pytest.raises(InvalidInputError, match="another border"):
        edit.move_vertex(space, at(6_000, 6_000), at(10_000, 8_000))
    edit.insert_vertex(space, at(10_000, 0), at(10_000, 10_000), at(10_000, 8_000))
    with pytest.raises(InvalidInputError, match="another corner"):
        edit.move_vertex(space, at(6_000, 6_000), at(10_000, 8_000))
    require_tiling(space)


def test_an_exclave_may_be_moved_but_not_made_by_chance():
    left, middle, right = square(0, 0), square(10_000, 0), square(20_000, 0)
    space = workspace([shapely.MultiPolygon([left, right]), middle])
    edit.move_vertex(space, at(0, 0), at(-500, -300))  # two parts before, two parts after
    three = workspace([left, middle, right])
    with pytest.raises(InvalidInputError, match="fall apart"):
        edit.merge(three, [0], 2)
    edit.merge(three, [0], 2, apart=True)
    edit.move_vertex(three, at(0, 0), at(-500, -300))  # an exclave from now on: no reason to refuse this
    assert len(three.parts(2)) == 2
    require_tiling(three)


def test_a_refused_edit_gives_its_numbers_back():
    space = workspace([square(0, 0), square(10_000, 0)])

    def half_done():
        space.put_left(at(0, 0), at(10_000, 0), space.new_leaf())

    for _ in range(2):
        with pytest.raises(InvalidInputError, match="go round no cell"):
            space.run(half_done)
        assert space.next_leaf == 2
    assert list(space.leaves()) == [0, 1]


def test_what_another_one_changed_is_a_conflict_and_nothing_happens():
    space = workspace([square(0, 0), square(10_000, 0)])
    mine = edit.move_vertex(space, at(10_000, 10_000), at(11_000, 11_000))
    other = Workspace(space.base)
    edit.insert_vertex(other, at(10_000, 0), at(10_000, 10_000), at(9_900, 5_000))
    before = picture(other)
    with pytest.raises(ConflictError) as found:
        other.replay(mine)
    assert found.value.faults[0].place is not None
    assert picture(other) == before


def test_changes_that_fit_edge_by_edge_but_break_the_tiling_together_are_refused():
    space = workspace([square(0, 0)])
    mine = edit.move_vertex(space, at(0, 0), at(6_000, 6_500))
    other = Workspace(space.base)
    edit.move_vertex(other, at(10_000, 10_000), at(6_500, 6_000))
    before = picture(other)
    with pytest.raises(InvalidInputError):
        other.replay(mine)
    assert picture(other) == before


def test_a_patch_that_goes_round_no_cell_is_refused():
    space = workspace([square(0, 0), square(10_000, 0)])
    a, b = at(10_000, 0), at(10_000, 10_000)
    wrong = [EdgeChange(a, b, (0, 1), None)]
    with pytest.raises(InvalidInputError):
        space.replay(wrong)
    assert list(space.leaves()) == [0, 1]
    require_tiling(space)


@given(seed=st.integers(0, 10**6))
@settings(max_examples=15)
def test_net_changes_do_what_the_steps_did(seed):
    space = workspace(compact_tiling(seed % 50))
    edits, steps = RandomEdits(space, seed), []
    for _ in range(12):
        steps.extend(edits.make()[1] or [])
    copy = Workspace(space.base)
    together = net(steps)
    assert len({(change.a, change.b) for change in together}) == len(together)
    copy.replay(together)
    assert picture(copy) == picture(space)
    copy.replay(reversed_all(together), proved=True)
    assert picture(copy) == picture(Workspace(space.base))


def test_a_workspace_leaves_its_base_as_it_is():
    base = FabricStars(Fabric.from_polygons(random_tiling(5, 20, 6)))
    before = shapely.to_wkb(base.polygons)
    edits = RandomEdits(Workspace(base), 1)
    for _ in range(50):
        edits.make()
    assert (shapely.to_wkb(base.polygons) == before).all()
    assert picture(Workspace(base)) == dict(enumerate(before))


@given(cells=TILINGS)
@settings(max_examples=25)
def test_shapes_areas_and_stars_are_those_of_the_fabric(cells):
    space = workspace(cells)
    fabric = space.base.fabric
    assert [space.area2(leaf) for leaf in space.leaves()] == fabric.areas2().tolist()
    assert [exact_area2(shape) for shape in space.polygons()] == fabric.areas2().tolist()
    assert all(shapely.equals(a, b) for a, b in zip(space.polygons(), cells, strict=True))
    for leaf, shape in enumerate(space.base.polygons):
        assert shapely.to_wkb(shape_of(space.parts(leaf))) == shapely.to_wkb(shape)


def test_at_the_end_of_the_world():
    east, north = 180 * 2**23, 90 * 2**23
    whole = [(-east, -north), (0, -north), (east, -north), (east, north), (0, north), (-east, north)]
    west, both = whole[:2] + whole[4:], np.array(whole[1:5])
    space = workspace([shapely.Polygon(np.array(west) / 2**23), shapely.Polygon(both / 2**23)])
    edit.move_vertex(space, (0, north), (east - 1, north))
    found = cut.cut(space, [0], [(-east, 0), (east, 0)])
    assert len(found.pieces[0]) == 2
    with pytest.raises(InvalidInputError, match="globe"):
        edit.move_vertex(space, (east - 1, north), (east + 1, north))
    assert sum(space.area2(leaf) for leaf in space.leaves()) == 2 * (2 * east) * (2 * north)
    assert shapely.is_valid(np.array(list(held(space).values()))).all()
