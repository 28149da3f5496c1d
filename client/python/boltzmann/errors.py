"""What calls fail with.

A call that the server refuses, or that does not reach it, raises a subclass of `CallError` named
after its gRPC status code. A mistake that is seen before anything is sent raises ValueError or
TypeError. Rows that could not be sampled raise nothing, unless `raise_for_rows()` is called.
"""

from __future__ import annotations

from typing import NamedTuple

import grpc
from google.protobuf.message import DecodeError

from boltzmann.rpc.v1 import error_pb2

_DETAILS_KEY = "grpc-status-details-bin"
_BAD_REQUEST = "type.googleapis.com/google.rpc.BadRequest"
_RETRY_INFO = "type.googleapis.com/google.rpc.RetryInfo"


class Error(Exception):
    """Whatever goes wrong with a call or its rows."""


class Violation(NamedTuple):
    """One rule of the API that a request broke."""

    field: str
    """The path of the field, such as `params[3].top_p`."""
    description: str
    """Its value and what is allowed, such as `1.7 is outside (0, 1]`."""


class CallError(Error):
    """A call failed. The message lists every violation, one a line."""

    code: grpc.StatusCode
    """The status code."""
    violations: tuple[Violation, ...]
    """The rules that the request broke, if the server said which."""
    retry_after: float | None
    """After how many seconds the server asks to be called again, if it does."""

    def __init__(
        self,
        code: grpc.StatusCode,
        message: str,
        violations: tuple[Violation, ...] = (),
        retry_after: float | None = None,
    ) -> None:
        super().__init__(message)
        self.code = code
        self.violations = violations
        self.retry_after = retry_after


class Cancelled(CallError):
    """CANCELLED: the call was cancelled on this side."""


class Unknown(CallError):
    """UNKNOWN: whoever answered does not say why."""


class InvalidArgument(CallError):
    """INVALID_ARGUMENT: the request breaks rules of the API; `violations` names them."""


class DeadlineExceeded(CallError):
    """DEADLINE_EXCEEDED: no answer came within the timeout."""


class NotFound(CallError):
    """NOT_FOUND: the server knows no such region of shared memory, or no longer."""


class PermissionDenied(CallError):
    """PERMISSION_DENIED: the server knows the caller, and does not let it call."""


class ResourceExhausted(CallError):
    """RESOURCE_EXHAUSTED: the request exceeds a limit, or the server has no room at present."""


class FailedPrecondition(CallError):
    """FAILED_PRECONDITION: the server does not share memory, or not this file."""


class Unimplemented(CallError):
    """UNIMPLEMENTED: what answered is no Boltzmann server, or an older one."""


class Internal(CallError):
    """INTERNAL: a fault of the server's, or an answer that makes no sense."""


class Unavailable(CallError):
    """UNAVAILABLE: no server can be reached, or it is draining."""


class Unauthenticated(CallError):
    """UNAUTHENTICATED: the server wants a token or a certificate that it did not get."""


_CLASSES: dict[grpc.StatusCode, type[CallError]] = {
    grpc.StatusCode.CANCELLED: Cancelled,
    grpc.StatusCode.UNKNOWN: Unknown,
    grpc.StatusCode.INVALID_ARGUMENT: InvalidArgument,
    grpc.StatusCode.DEADLINE_EXCEEDED: DeadlineExceeded,
    grpc.StatusCode.NOT_FOUND: NotFound,
    grpc.StatusCode.PERMISSION_DENIED: PermissionDenied,
    grpc.StatusCode.RESOURCE_EXHAUSTED: ResourceExhausted,
    grpc.StatusCode.FAILED_PRECONDITION: FailedPrecondition,
    grpc.StatusCode.UNIMPLEMENTED: Unimplemented,
    grpc.StatusCode.INTERNAL: Internal,
    grpc.StatusCode.UNAVAILABLE: Unavailable,
    grpc.StatusCode.UNAUTHENTICATED: Unauthenticated,
}
_CODES = {code.value[0]: code for code in grpc.StatusCode}


class RowError(NamedTuple):
    """A row that could not be sampled."""

    row: int
    """Its index in the request."""
    status: str
    """Such as `NAN_LOGIT`: the `RowStatus` without its prefix."""
    message: str
    """What is wrong with it, for people."""


class RowsFailed(Error):
    """Some rows of a call that was answered could not be sampled."""

    row_errors: tuple[RowError, ...]
    """Those rows."""

    def __init__(self, row_errors: tuple[RowError, ...]) -> None:
        lines = (f"row {error.row}: {error.status}: {error.message}" for error in row_errors)
        super().__init__("\n".join(lines))
        self.row_errors = row_errors


def internal(message: str) -> CallError:
    """The error for an answer that makes no sense."""
    return Internal(grpc.StatusCode.INTERNAL, message)


def timed_out(seconds: float) -> CallError:
    """The error for a reply on a stream that did not come in time."""
    return DeadlineExceeded(
        grpc.StatusCode.DEADLINE_EXCEEDED,
        f"no reply came within {seconds:g} s: the stream is ended",
    )


def from_rpc(error: grpc.RpcError) -> CallError:
    """What a failed call of gRPC's, blocking or asyncio, is to the caller."""
    # Not dict(metadata): that of asyncio calls has keys() unlike those of a mapping.
    details = dict(iter(error.trailing_metadata() or ())).get(_DETAILS_KEY, b"")
    try:
        status = error_pb2.Status.FromString(details)
        return _make(error.code(), error.details() or "", status)
    except DecodeError:
        return _make(error.code(), f"{error.details()} (with details that cannot be read)",
                     error_pb2.Status())


def from_status(status: error_pb2.Status) -> CallError:
    """What the error of one request on a stream is to the caller."""
    return _make(_CODES.get(status.code, grpc.StatusCode.UNKNOWN), status.message, status)


def _make(code: grpc.StatusCode, message: str, status: error_pb2.Status) -> CallError:
    violations: list[Violation] = []
    retry_after = None
    for detail in status.details:
        if detail.type_url == _BAD_REQUEST:
            found = error_pb2.BadRequest.FromString(detail.value).field_violations
            violations += (Violation(v.field, v.description) for v in found)
        elif detail.type_url == _RETRY_INFO:
            delay = error_pb2.RetryInfo.FromString(detail.value).retry_delay
            retry_after = delay.seconds + delay.nanos / 1e9
    lines = [f"{v.field}: {v.description}" if v.field else v.description for v in violations]
    if not _repeats_only(lines, message):
        lines.insert(0, message)
    if retry_after is not None:
        lines.append(f"(retry after {retry_after * 1000:.0f} ms)")
    return _CLASSES.get(code, CallError)(code, "\n".join(lines), tuple(violations), retry_after)


def _repeats_only(lines: list[str], message: str) -> bool:
    """Whether `message` says nothing that is not in `lines`."""
    if not lines:
        return False
    for line in lines:
        message = message.replace(line, "", 1)
    return not message.strip("; ")
