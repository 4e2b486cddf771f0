"""Work of several callers, done together."""

import threading
import time
from contextlib import suppress

import pytest

from geo_service.errors import InvalidInputError, UnavailableError
from geo_service.services.together import Together


def in_threads(call, asked):
    """Call at once from a thread each; returns answers and errors in order."""
    out = [None] * len(asked)
    gate = threading.Barrier(len(asked))

    def run(i):
        gate.wait()
        try:
            out[i] = call(asked[i])
        except Exception as error:  # noqa: BLE001 - looked at by the test
            out[i] = error

    threads = [threading.Thread(target=run, args=(i,)) for i in range(len(asked))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
        assert not thread.is_alive()
    return out


def test_one_caller_is_served_at_once_in_his_own_thread():
    lots = []

    def work(lot):
        lots.append((list(lot), threading.current_thread()))
        return [x + 1 for x in lot]

    assert Together(work, 10)(1) == 2
    assert lots == [([1], threading.current_thread())]


def test_each_gets_his_own_answer_in_lots_that_are_not_too_large():
    lots = []

    def work(lot):
        lots.append(len(lot))
        time.sleep(0.005)
        return [x * x for x in lot]

    assert in_threads(Together(work, 7), list(range(60))) == [x * x for x in range(60)]
    assert sum(lots) == 60
    assert max(lots) == 7  # those who waited went together
    assert len(lots) < 30


def test_no_two_lots_are_worked_at_once():
    working, most = [], []

    def work(lot):
        working.append(1)
        most.append(len(working))
        time.sleep(0.002)
        working.pop()
        return list(lot)

    in_threads(Together(work, 3), list(range(40)))
    assert max(most) == 1


def test_an_error_among_the_answers_is_only_his_whose_it_is():
    def work(lot):
        return [InvalidInputError(f"not {x}") if x % 5 == 0 else x for x in lot]

    answers = in_threads(Together(work, 50), list(range(30)))
    for x, answer in enumerate(answers):
        if x % 5 == 0:
            assert isinstance(answer, InvalidInputError)
            assert answer.detail == f"not {x}"
        else:
            assert answer == x


def test_a_lot_that_fails_is_done_one_by_one():
    gate = threading.Event()

    def work(lot):
        gate.wait(10)
        if 3 in lot:
            raise ValueError("three")
        return list(lot)

    call = Together(work, 50)
    threading.Timer(0.05, gate.set).start()
    answers = in_threads(call, list(range(12)))
    assert isinstance(answers[3], ValueError)
    assert [x for x in answers if not isinstance(x, ValueError)] == [x for x in range(12) if x != 3]
    assert call(9) == 9  # and it goes on


def test_it_goes_on_after_the_end_of_a_caller():
    def work(lot):
        if "end" in lot:
            raise SystemExit(3)
        return list(lot)

    call = Together(work, 50)
    with pytest.raises(SystemExit):
        call("end")
    assert call("on") == "on"


def test_others_of_a_lot_go_on_without_a_leader_whose_thread_ends():
    busy, first = threading.Event(), []

    def work(lot):
        if lot == [0]:
            busy.wait(10)
        elif not first:
            first.append(lot)
            raise SystemExit(3)
        return [x * 2 for x in lot]

    call = Together(work, 50)
    threads = [threading.Thread(target=call, args=(0,))]
    threads[0].start()
    out = []

    def ask(x):
        with suppress(SystemExit):
            out.append(call(x))

    threads += [threading.Thread(target=ask, args=(x,)) for x in range(1, 6)]
    for thread in threads[1:]:
        thread.start()
    while len(call._waiting) < 5:
        time.sleep(0.001)
    busy.set()
    for thread in threads:
        thread.join(10)
        assert not thread.is_alive()
    ended = first[0][0]  # whose thread led
    assert sorted(out) == [2 * x for x in range(1, 6) if x != ended]


def test_who_is_away_is_not_asked_again_for_each():
    lots = []
    gate = threading.Event()

    def work(lot):
        lots.append(len(lot))
        gate.wait(10)
        raise UnavailableError("the database does not answer")

    call = Together(work, 50)
    out = []

    def ask():
        try:
            call(0)
        except UnavailableError as error:
            out.append(error)

    threads = [threading.Thread(target=ask) for _ in range(10)]
    for thread in threads:
        thread.start()
    while len(call._waiting) < 9:
        time.sleep(0.001)
    gate.set()
    for thread in threads:
        thread.join(10)
    assert len(out) == 10
    assert lots == [1, 9]
