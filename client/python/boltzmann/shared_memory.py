"""Memory that is shared with a server on the same host, so that logits need not be sent."""

from __future__ import annotations

import errno
import mmap
import os
import secrets
import threading
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from types import TracebackType
from typing import Any

import numpy as np

from boltzmann import errors, requests
from boltzmann.logits import DATA_TYPES, ITEM_SIZES, Payload
from boltzmann.v1 import sampler_pb2 as pb
from boltzmann.values import shown

_RENEWALS_PER_LEASE = 3
_SLOT_ALIGNMENT = 64
_NUMPY_TYPES = {"float32": np.float32, "float16": np.float16, "bfloat16": np.uint16}

_Call = Callable[[requests.Request[Any]], Any]


@dataclass(frozen=True, eq=False)
class SlotRows:
    """Some rows of a slot, as logits of a call."""

    region_id: bytes
    offset_bytes: int
    row_count: int
    vocab_size: int
    data_type: str

    def payload(self) -> Payload:
        """Names the rows."""
        rows = pb.SharedRows(region_id=self.region_id, offset_bytes=self.offset_bytes)
        return Payload(pb.Logits(
            data_type=DATA_TYPES[self.data_type], vocab_size=self.vocab_size,
            row_count=self.row_count, shared_rows=rows))


class Slot:
    """Room for one step's rows. A context manager that gives the slot back to its ring.

    Write the rows into `logits`, send the slot, or `rows(n)` of it, as a call's logits, and leave
    it as it is until the call has ended.
    """

    logits: np.ndarray
    """`[B, V]` in the shared memory: float32, float16, or uint16 for the bits of bfloat16."""

    def __init__(self, ring: SharedRing, index: int, logits: np.ndarray) -> None:
        self._ring: SharedRing | None = ring
        self._index = index
        self.logits = logits

    def rows(self, count: int) -> SlotRows:
        """The first `count` rows, for a step of fewer than the slot has room for."""
        if self._ring is None:
            raise ValueError("the slot was given back: acquire() another")
        if not 1 <= count <= len(self.logits):
            raise ValueError(f"count: {shown(count)} is outside [1, {len(self.logits)}]")
        return self._ring._rows(self._index, count)

    def payload(self) -> Payload:
        """Names all rows."""
        return self.rows(len(self.logits)).payload()

    def release(self) -> None:
        """Gives the slot back, once: when the call that reads it has ended."""
        ring, self._ring = self._ring, None
        if ring is not None:
            ring._give_back(self._index)

    def __enter__(self) -> Slot:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None,
                 traceback: TracebackType | None) -> None:
        self.release()


class SharedRing:
    """A region of shared memory, cut into slots. Made by `Client.shared_memory`; close it, or use
    it as a context manager, before its client is closed.

    The file has a name that nobody can guess, and only until it is registered, so that a process
    that is killed leaves nothing behind. It has no holes. A thread renews the lease. A server that
    was restarted has forgotten the region: calls then raise `NotFound`, and `error` says the same
    within a third of the lease; close the ring and make another. Any thread may acquire and
    release.
    """

    def __init__(self, call: _Call, directory: str | os.PathLike[str], shape: tuple[int, int],
                 data_type: str, *, slot_count: int, lease: float, mode: int) -> None:
        self._row_count, self._vocab_size = _checked_shape(shape)
        if data_type not in DATA_TYPES:
            raise ValueError(f"data_type: {shown(data_type)} is unknown: give one of "
                             + ", ".join(DATA_TYPES))
        if not isinstance(slot_count, int) or slot_count < 1:
            raise ValueError(f"slot_count: {shown(slot_count)} is not at least 1")
        self._data_type = data_type
        bytes_of_rows = self._row_count * self._vocab_size * ITEM_SIZES[data_type]
        self._slot_bytes = -(-bytes_of_rows // _SLOT_ALIGNMENT) * _SLOT_ALIGNMENT
        self._call = call
        self._memory, self._region_id = _share(call, directory, slot_count * self._slot_bytes,
                                               lease, mode)
        self._freed = threading.Condition()
        self._free = deque(range(slot_count))
        self._error: errors.CallError | None = None
        self._closing = threading.Event()
        self._renewer = threading.Thread(target=self._keep_renewing, args=(lease,), daemon=True)
        self._renewer.start()

    @property
    def error(self) -> errors.CallError | None:
        """What the last renewal of the lease failed with, if it did."""
        return self._error

    def acquire(self, timeout: float = 1.0) -> Slot:
        """Takes the free slot that was given back longest ago; waits until there is one. Raises
        TimeoutError if there is none for `timeout` seconds."""
        with self._freed:
            if self._closing.is_set():
                raise ValueError("the ring is closed")
            if not self._freed.wait_for(lambda: self._free, timeout):
                raise TimeoutError(f"no slot was given back for {timeout:g} s: release() those "
                                   "whose calls have ended, or make more by slot_count")
            index = self._free.popleft()
        return Slot(self, index, self._view(index))

    def close(self) -> None:
        """Has the server forget the region, as far as it can be reached. No call may be reading
        it. What was made of `Slot.logits` may still be used."""
        if self._closing.is_set():
            return
        self._closing.set()
        self._renewer.join()
        try:
            self._call(requests.of_regions(
                "UnregisterRegion", pb.UnregisterRegionRequest(region_id=self._region_id),
                pb.UnregisterRegionResponse))
        except errors.CallError:
            pass  # a lease that is not renewed ends by itself

    def __enter__(self) -> SharedRing:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None,
                 traceback: TracebackType | None) -> None:
        self.close()

    def _view(self, index: int) -> np.ndarray:
        """The slot's rows in the memory."""
        flat = np.frombuffer(self._memory, _NUMPY_TYPES[self._data_type],
                             self._row_count * self._vocab_size, index * self._slot_bytes)
        return flat.reshape(self._row_count, self._vocab_size)

    def _rows(self, index: int, count: int) -> SlotRows:
        return SlotRows(self._region_id, index * self._slot_bytes, count, self._vocab_size,
                        self._data_type)

    def _give_back(self, index: int) -> None:
        with self._freed:
            self._free.append(index)
            self._freed.notify()

    def _keep_renewing(self, lease: float) -> None:
        while not self._closing.wait(lease / _RENEWALS_PER_LEASE):
            try:
                self._call(requests.of_regions(
                    "RenewRegion", pb.RenewRegionRequest(region_id=self._region_id),
                    pb.RenewRegionResponse))
                self._error = None
            except errors.CallError as error:
                self._error = error


def _checked_shape(shape: tuple[int, int]) -> tuple[int, int]:
    sizes = tuple(shape)
    if len(sizes) != 2 or not all(isinstance(n, (int, np.integer)) and n >= 1 for n in sizes):
        raise ValueError(f"shape: {shown(shape)} is not (B, V), both at least 1")
    return int(sizes[0]), int(sizes[1])


def _share(call: _Call, directory: str | os.PathLike[str], size: int, lease: float, mode: int
           ) -> tuple[mmap.mmap, bytes]:
    """Makes a file, maps it, registers it, and takes its name away: the memory, and its id."""
    name = "boltzmann-" + secrets.token_hex(16)
    path = os.path.join(directory, name)
    request = pb.RegisterRegionRequest(file_name=name, size_bytes=size)
    request.lease.FromNanoseconds(int(lease * 1e9))
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC,
                         mode)
    try:
        os.fchmod(descriptor, mode)
        memory = _allocate_and_map(descriptor, size, directory)
        registered = call(requests.of_regions("RegisterRegion", request,
                                              pb.RegisterRegionResponse))
    finally:
        os.close(descriptor)
        os.unlink(path)
    return memory, registered.region.region_id


def _allocate_and_map(descriptor: int, size: int, directory: str | os.PathLike[str]) -> mmap.mmap:
    """Without holes, so that writing never fails for want of memory."""
    try:
        os.posix_fallocate(descriptor, 0, size)
    except OSError as error:
        if error.errno == errno.ENOSPC:
            raise OSError(errno.ENOSPC, f"no room for {size} bytes: make the file system larger",
                          os.fspath(directory)) from None
        raise
    return mmap.mmap(descriptor, size, mmap.MAP_SHARED | mmap.MAP_POPULATE)
