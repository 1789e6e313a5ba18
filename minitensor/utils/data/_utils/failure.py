"""Exceptions of workers: sent as a class and a text with the worker's traceback, and raised again in the program."""

from __future__ import annotations

import pickle
import traceback
from multiprocessing.reduction import ForkingPickler
from typing import Any, NamedTuple, NoReturn


class PlainText(str):
    """Text that a KeyError shows as it is, with its lines."""

    __slots__ = ()

    __repr__ = str.__str__


class Failure(NamedTuple):
    """What is sent of an exception: its class and the text."""

    kind: type[BaseException]
    text: str

    def reraise(self) -> NoReturn:
        """Raise an exception of the class with the text, or a RuntimeError if the class does not take a text alone."""
        text = PlainText(self.text) if self.kind is KeyError else self.text
        options: dict[str, Any] = {"message": text} if getattr(self.kind, "message", None) else {}
        try:
            error = self.kind(**options) if options else self.kind(text)
        except Exception:
            raise RuntimeError(self.text) from None
        raise error


def describe_failure(error: BaseException, where: str) -> Failure:
    """Return what is sent of an exception."""
    trace = "".join(traceback.format_exception(type(error), error, error.__traceback__))
    text = f"Caught {type(error).__name__} {where}.\nOriginal {trace}"
    return Failure(next(filter(can_be_sent, type(error).__mro__)), text)


def can_be_sent(kind: type) -> bool:
    """Whether another process can find a class of exceptions by its name."""
    try:
        return pickle.loads(ForkingPickler.dumps(kind)) is kind
    except Exception:
        return False
