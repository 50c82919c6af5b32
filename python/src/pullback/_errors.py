"""What goes wrong. Every exception of the library is an Error and one of Python's own, too."""

from __future__ import annotations

import operator
from typing import Any


class Error(Exception):
    """Any failure of the library. Its text names the file, the item, what was expected and what was
    found."""


class InvalidError(Error, ValueError):
    """An argument is out of its range, or does not fit the others."""


class IOError(Error, OSError):
    """The operating system refused a file."""


class MissingFileError(IOError, FileNotFoundError):
    """There is no such file or model."""


class FormatError(Error, ValueError):
    """A file is damaged, or is not what it should be."""


class UnsupportedError(Error, NotImplementedError):
    """The file is sound, but asks for something that the library does not do."""


class OutOfMemoryError(Error, MemoryError):
    """An allocation failed."""


class Cancelled(Error):
    """A progress function asked to stop."""


class NumericError(Error, ArithmeticError):
    """A computation met a NaN or an infinity, or failed to converge."""


class InternalError(Error, RuntimeError):
    """A library underneath failed."""


class PullbackWarning(UserWarning):
    """Something odd, although the work went on."""


# In the order of pb_status, from PB_INVALID on.
_KINDS = (
    InvalidError,
    IOError,
    FormatError,
    UnsupportedError,
    OutOfMemoryError,
    Cancelled,
    NumericError,
    InternalError,
)


def of(status: int, message: str) -> Error:
    """The exception that a status of the library stands for."""
    kind = _KINDS[status - 1] if 1 <= status <= len(_KINDS) else InternalError
    if kind is IOError and ("No such file" in message or "no such" in message):
        kind = MissingFileError
    return kind(message) if message else kind(kind.__doc__)


def check_choice(name: str, value: str, *choices: str) -> None:
    """Raises ValueError unless a text is one of these."""
    if value not in choices:
        listed = f"{', '.join(choices[:-1])} or {choices[-1]}"
        raise ValueError(f"{name}: expected {listed}, found {value!r}")


def check_kind(name: str, value: Any, kind: type) -> None:
    """Raises TypeError unless a value is one of a class."""
    if not isinstance(value, kind):
        raise TypeError(f"{name}: expected a {kind.__name__}, found {type(value).__name__}")


def check_whole(name: str, value: Any, least: int) -> int:
    """A whole number of at least so much, of whatever type is one."""
    try:
        found = operator.index(value)
    except TypeError:
        raise TypeError(f"{name}: expected a whole number, found {value!r}") from None
    if found < least:
        raise ValueError(f"{name}: expected {least} or more, found {found}")
    return found
