"""Channels: frames between the program and one of its workers, over a pair of sockets.

The program never waits while it sends: what a socket does not take at once is kept for later, because a worker may be
stuck. A worker waits, so that it does not run ahead. A frame may carry descriptors of files. A forked child closes the
channels of its parent, so that a channel ends when the process at its other end does. This module does not know what
the frames mean.
"""

from __future__ import annotations

import array
import socket
import struct
from collections import deque
from collections.abc import Iterator
from typing import Final, NamedTuple
from weakref import WeakSet

from minitensor.errors import UsageError
from minitensor.forks import after_fork_in_child
from minitensor.utils.data._utils.mapping import CAN_SEND
from minitensor.utils.data._utils.parcel import MOST, Parcel, close_all

HEADER: Final = struct.Struct("<BQQI")  # the kind, the number, the length of the body, the number of descriptors
CHUNK: Final = 1 << 16
CLOSES_IN_PROGRAMS: Final = getattr(socket, "MSG_CMSG_CLOEXEC", 0)
DESCRIPTOR: Final = array.array("i").itemsize
OPEN: Final[WeakSet[Channel]] = WeakSet()  # the program's ends of channels


class Frame(NamedTuple):
    """A message: its kind, the number of the batch that it is about, and a parcel."""

    kind: int
    number: int
    parcel: Parcel = Parcel(b"", ())


class Channel:
    """One end of a pair of sockets.

    Args:
        connection: the socket.
        waits: whether a call waits until the other end has sent, or can take, something.
    """

    def __init__(self, connection: socket.socket, waits: bool) -> None:
        connection.setblocking(waits)
        self.connection = connection
        self._unsent = bytearray()
        self._received = bytearray()
        self._descriptors: deque[int] = deque()
        if not waits:
            OPEN.add(self)

    def send(self, frame: Frame) -> None:
        """Send a frame, waiting until the socket has taken it, and close its descriptors.

        Raises:
            OSError: If the process at the other end has gone.
        """
        try:
            rest = memoryview(encode(frame))
            if frame.parcel.descriptors:
                rest = rest[socket.send_fds(self.connection, [rest], list(frame.parcel.descriptors)) :]
            self.connection.sendall(rest)
        finally:
            close_all(frame.parcel.descriptors)

    def post(self, frame: Frame) -> None:
        """Send a frame without descriptors, or as much of it as possible without waiting."""
        self._unsent += encode(frame)
        self.flush()

    def flush(self) -> None:
        """Send what could not be sent before. If the other end has gone, that is seen on reading."""
        try:
            while self._unsent:
                del self._unsent[: self.connection.send(self._unsent)]
        except BlockingIOError:
            pass
        except OSError:
            self._unsent.clear()

    def has_unsent(self) -> bool:
        """Whether something still has to be sent."""
        return bool(self._unsent)

    def receive(self) -> bool:
        """Receive what has come; return False if the process at the other end has gone."""
        try:
            return bool(self._read())
        except BlockingIOError:
            return True
        except ConnectionError:
            return False

    def _read(self) -> int:
        if not CAN_SEND:
            data = self.connection.recv(CHUNK)
        else:
            space = socket.CMSG_SPACE((MOST + 1) * DESCRIPTOR)
            data, extra, flags, _ = self.connection.recvmsg(CHUNK, space, CLOSES_IN_PROGRAMS)
            for _, _, packed in extra:
                self._descriptors.extend(array.array("i", packed[: len(packed) // DESCRIPTOR * DESCRIPTOR]))
            require_descriptors(flags)
        self._received += data
        return len(data)

    def frames(self) -> Iterator[Frame]:
        """Yield the frames that have come completely."""
        while len(self._received) >= HEADER.size:
            kind, number, length, count = HEADER.unpack_from(self._received)
            end = HEADER.size + length
            if len(self._received) < end:
                return
            body = bytes(self._received[HEADER.size : end])
            del self._received[:end]
            yield Frame(kind, number, Parcel(body, [self._descriptors.popleft() for _ in range(count)]))

    def close(self) -> None:
        """End the channel; the process at the other end sees it."""
        self.connection.close()
        close_all(self._descriptors)
        self._descriptors.clear()


def encode(frame: Frame) -> bytes:
    """Return the bytes of a frame."""
    body, descriptors = frame.parcel
    return HEADER.pack(frame.kind, frame.number, len(body), len(descriptors)) + body


def require_descriptors(flags: int) -> None:
    """Raise if the system could not hand over descriptors because this process has too many open files."""
    if flags & socket.MSG_CTRUNC:
        raise UsageError(
            "Too many open files. Communication with the workers is no longer possible. Please increase the limit "
            "using `ulimit -n` in the shell"
        )


@after_fork_in_child
def close_channels() -> None:
    """Close a parent's channels in its forked child."""
    for channel in list(OPEN):
        channel.connection.close()
