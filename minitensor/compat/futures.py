"""``futures``: values that come later, from another thread.

Callbacks run in the thread that sets the value, or at once if it is there. An error in a callback of ``then`` becomes
the error of the future that it returned.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from minitensor.compat.reasons import attributes_of
from minitensor.errors import ArgumentTypeError, GuardError, UsageError

__all__ = ["Future", "collect_all", "wait_all"]

T = TypeVar("T")
Callback = Callable[["Future[Any]"], Any]


class Future(Generic[T]):
    """A value that is set later, once.

    Args:
        devices: Accepted for PyTorch compatibility. Default: ``None``.

    >>> import minitensor as torch
    >>> future = torch.futures.Future()
    >>> doubled = future.then(lambda done: done.value() * 2)
    >>> future.set_result(21)
    >>> doubled.wait()
    42
    """

    def __init__(self, *, devices: Sequence[Any] | None = None) -> None:
        self.completion = threading.Condition()
        self.is_complete = False
        self.result: Any = None
        self.error: Exception | None = None
        self.callbacks: list[Callback] = []

    def done(self) -> bool:
        """Return whether the value or an error is there."""
        return self.is_complete

    def wait(self) -> T:
        """Wait until the value is there, and return it; raise the error if there is one.

        Raises:
            Exception: If one was set.
        """
        with self.completion:
            self.completion.wait_for(self.done)
        return self.value()

    def value(self) -> T:
        """Return the value, which must be there; raise the error if there is one.

        Raises:
            RuntimeError: If the value is not there; ``wait`` waits for it.
        """
        if not self.is_complete:
            raise UsageError("Future.value: the future is not done; wait() waits for it")
        if self.error is not None:
            raise self.error
        found: T = self.result
        return found

    def set_result(self, result: T) -> None:
        """Set the value, and call the callbacks.

        Args:
            result: The value.

        Raises:
            RuntimeError: If the future is done already.
        """
        self._complete(result, None)

    def set_exception(self, result: BaseException) -> None:
        """Set an error, which ``wait`` raises, and call the callbacks.

        Args:
            result: The error.

        Raises:
            AssertionError: If it is no exception.
            RuntimeError: If the future is done already.
        """
        if not isinstance(result, Exception):
            raise GuardError(f"{result} is of type {type(result)}, not an Exception.")
        self._complete(None, result)

    def then(self, callback: Callback) -> Future[Any]:
        """Return a future of what a callback returns for this future, once it is done.

        Args:
            callback: A function of this future.

        Raises:
            TypeError: If ``callback`` cannot be called.
        """
        require_callable("then", callback)
        found: Future[Any] = Future()
        self.add_done_callback(lambda future: found._answer(callback, future))
        return found

    def add_done_callback(self, callback: Callback) -> None:
        """Call a function with this future once it is done. Its errors are logged.

        Args:
            callback: A function of this future.

        Raises:
            TypeError: If ``callback`` cannot be called.
        """
        require_callable("add_done_callback", callback)
        with self.completion:
            if not self.is_complete:
                self.callbacks.append(callback)
                return
        run_callback(callback, self)

    def _complete(self, result: Any, error: Exception | None) -> None:
        """Set the value or the error, wake those who wait, and call the callbacks."""
        with self.completion:
            if self.is_complete:
                raise UsageError("Attempting to mark a completed Future as complete again; it is completed once only")
            self.result, self.error, self.is_complete = result, error, True
            callbacks, self.callbacks = self.callbacks, []
            self.completion.notify_all()
        for callback in callbacks:
            run_callback(callback, self)

    def _answer(self, callback: Callback, done: Future[Any]) -> None:
        """Set the result of a callback, or its error."""
        try:
            result = callback(done)
        except Exception as error:
            text = f"Got the following error when running the callback: {type(error).__name__}: {error}"
            found = UsageError(text)
            found.__cause__ = error
            self.set_exception(found)
        else:
            self.set_result(result)


def require_callable(name: str, callback: Any) -> None:
    """Raise unless a callback can be called."""
    if not callable(callback):
        raise ArgumentTypeError(f"Future.{name}: callback must be callable, got {type(callback).__name__}")


def run_callback(callback: Callback, future: Future[Any]) -> None:
    """Call a callback, and log its error."""
    try:
        callback(future)
    except Exception:
        logging.getLogger(__name__).exception("an error in a callback of a Future")


def collect_all(futures: Sequence[Future[Any]]) -> Future[list[Future[Any]]]:
    """Return a future of these futures, which is done when all are, or when one has an error, which it then has too.

    Args:
        futures: The futures.

    >>> import minitensor as torch
    >>> first, second = torch.futures.Future(), torch.futures.Future()
    >>> both = torch.futures.collect_all([first, second])
    >>> first.set_result(1)
    >>> second.set_result(2)
    >>> [each.value() for each in both.wait()]
    [1, 2]
    """
    given, found, lock = list(futures), Future[list[Future[Any]]](), threading.Lock()

    def finish(_: Any) -> None:
        with lock:
            failed = next((each.error for each in given if each.done() and each.error is not None), None)
            if not found.done() and (failed is not None or all(each.done() for each in given)):
                found._complete(given, failed)

    for each in given:
        each.add_done_callback(finish)
    finish(None)
    return found


def wait_all(futures: Sequence[Future[Any]]) -> list[Any]:
    """Wait for all futures, and return their values.

    Args:
        futures: The futures.

    Raises:
        Exception: If one of them has an error.

    >>> import minitensor as torch
    >>> future = torch.futures.Future()
    >>> future.set_result("here")
    >>> torch.futures.wait_all([future])
    ['here']
    """
    return [each.wait() for each in collect_all(futures).wait()]


if not TYPE_CHECKING:  # with it, type checkers accept any name
    __getattr__ = attributes_of("minitensor.futures")
