"""Modes: whether operations are recorded."""

from __future__ import annotations

import threading

import minitensor as mt


def leaf() -> mt.Tensor:
    return mt.ones(2, requires_grad=True)


def test_nothing_is_recorded_inside_no_grad() -> None:
    x = leaf()
    with mt.no_grad():
        assert not (x * 2).requires_grad
        with mt.enable_grad():
            assert (x * 2).requires_grad
    assert (x * 2).requires_grad


def test_the_guards_decorate_functions_with_and_without_parentheses() -> None:
    @mt.no_grad()
    def called(x: mt.Tensor) -> mt.Tensor:
        return x * 2

    @mt.no_grad
    def bare(x: mt.Tensor) -> mt.Tensor:
        return x * 2

    @mt.inference_mode
    def inferring(x: mt.Tensor) -> bool:
        return mt.is_inference_mode_enabled() and not (x * 2).requires_grad

    assert not called(leaf()).requires_grad
    assert not bare(leaf()).requires_grad
    assert inferring(leaf())
    assert mt.is_grad_enabled()
    assert called.__name__ == "called"


def test_a_decorated_generator_does_not_change_its_consumers_mode() -> None:
    @mt.no_grad()
    def values(x: mt.Tensor):  # type: ignore[no-untyped-def]
        got = yield (x * 2).requires_grad
        yield got, mt.is_grad_enabled()

    generator = values(leaf())
    assert next(generator) is False
    assert mt.is_grad_enabled()
    assert generator.send("sent") == ("sent", False)
    assert mt.is_grad_enabled()


def test_set_grad_enabled_acts_at_once_and_as_a_guard() -> None:
    mt.set_grad_enabled(False)
    try:
        assert not mt.is_grad_enabled()
        with mt.set_grad_enabled(True):
            assert mt.is_grad_enabled()
        assert not mt.is_grad_enabled()
    finally:
        mt.set_grad_enabled(True)


def test_an_exception_restores_the_mode() -> None:
    try:
        with mt.no_grad():
            raise KeyError
    except KeyError:
        pass
    assert mt.is_grad_enabled()


def test_inference_mode_records_nothing_and_its_results_can_be_used_afterwards() -> None:
    x = leaf()
    with mt.inference_mode():
        y = x * 2
    assert not y.requires_grad
    assert (y * x).requires_grad


def test_each_thread_has_its_own_mode() -> None:
    seen = []
    with mt.no_grad():
        thread = threading.Thread(target=lambda: seen.append(mt.is_grad_enabled()))
        thread.start()
        thread.join()
    assert seen == [True]
