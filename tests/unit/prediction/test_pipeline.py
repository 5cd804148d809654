"""Reading ahead and writing behind."""

import threading

import pytest

from overtile.prediction import Behind, ahead


def test_the_next_item_is_worked_out_before_it_is_asked_for():
    begun = []
    second = threading.Event()

    def work(item):
        begun.append(item)
        if item == 2:
            second.set()
        return item

    results = ahead(work, [1, 2, 3, 4], 1)
    assert next(results) == 1
    assert second.wait(5)
    assert begun == [1, 2]
    assert list(results) == [2, 3, 4]


def test_an_error_of_the_function_comes_where_its_result_was_due():
    results = ahead(lambda n: 1 // n, [1, 0, 2])
    assert next(results) == 1
    with pytest.raises(ZeroDivisionError):
        next(results)


def test_later_calls_come_in_order_and_all_of_them():
    done = []
    with Behind(lambda n: done.append(n)) as later:
        for n in range(20):
            later(n)
    assert done == list(range(20))


def test_an_error_in_a_later_call_is_raised_and_ends_the_rest():
    done = []

    def fail_at_three(n):
        if n == 3:
            raise OSError("disk full")
        done.append(n)

    def run():
        with Behind(fail_at_three) as later:
            for n in range(100):
                later(n)

    with pytest.raises(OSError, match="disk full"):
        run()
    assert done[:3] == [0, 1, 2]
    assert len(done) < 100


def test_the_caller_waits_when_too_much_is_pending():
    release, calls = threading.Event(), []

    def slow(n):
        release.wait(5)
        calls.append(n)

    with Behind(slow, 1) as later:
        later(0)
        later(1)
        waiting = threading.Thread(target=later, args=(2,))
        waiting.start()
        waiting.join(0.05)
        assert waiting.is_alive()
        release.set()
        waiting.join(5)
    assert calls == [0, 1, 2]
