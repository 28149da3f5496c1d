"""How a client reaches its server, and what its calls have in common."""

from __future__ import annotations

import json
import math
import os
import secrets
import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import grpc

from boltzmann.values import shown

Metadata = tuple[tuple[str, str], ...]

_MAX_ATTEMPTS = 5
"""More are silently taken as 5 by gRPC."""
_MAX_CALLER_LENGTH = 128


@dataclass(frozen=True, kw_only=True)
class Options:
    """How a client reaches its server. The arguments of `Client` and `AsyncClient`."""

    target: str
    timeout: float
    max_attempts: int
    caller: str | None
    tls_ca: str | os.PathLike[str] | None
    tls_cert: str | os.PathLike[str] | None
    tls_key: str | os.PathLike[str] | None
    tls_server_name: str | None
    token: str | None
    token_file: str | os.PathLike[str] | None

    def __post_init__(self) -> None:
        if not self.target or not isinstance(self.target, str):
            raise ValueError(f"target: {shown(self.target)} names no server: give 127.0.0.1:50051, "
                             "unix:/run/boltzmann.sock or another target of gRPC's")
        check_timeout(self.timeout)
        if not 1 <= self.max_attempts <= _MAX_ATTEMPTS:
            raise ValueError(f"max_attempts: {shown(self.max_attempts)} is outside "
                             f"[1, {_MAX_ATTEMPTS}]")
        if (self.tls_cert is None) != (self.tls_key is None):
            raise ValueError("tls_cert and tls_key: one is given without the other: give both")
        if self.tls_ca is None and (self.tls_cert or self.tls_server_name):
            raise ValueError("tls_ca: is missing beside the other TLS arguments: give the PEM file "
                             "of who signed the server's certificate")
        if self.tls_ca is not None and self.target.startswith("unix"):
            raise ValueError(f"tls_ca: Unix sockets such as {self.target} speak no TLS: leave it "
                             "out")
        if self.token is not None and self.token_file is not None:
            raise ValueError("token and token_file: both are given: give one")

    def credentials(self) -> grpc.ChannelCredentials | None:
        """For TLS, as the files say now; None for plain connections."""
        if self.tls_ca is None:
            return None
        return grpc.ssl_channel_credentials(
            _read("tls_ca", self.tls_ca),
            _read("tls_key", self.tls_key) if self.tls_key is not None else None,
            _read("tls_cert", self.tls_cert) if self.tls_cert is not None else None,
        )

    def channel_arguments(self) -> list[tuple[str, Any]]:
        """As the C++ client has them."""
        arguments: list[tuple[str, Any]] = [
            ("grpc.max_receive_message_length", -1),
            ("grpc.max_send_message_length", -1),
            ("grpc.enable_http_proxy", 0),
            ("grpc.enable_retries", int(self.max_attempts > 1)),
            ("grpc.service_config", self._service_config()),
            # A request is tried again only while it fits this; the default is half a row.
            ("grpc.per_rpc_retry_buffer_size", 2**31 - 1),
        ]
        if self.tls_server_name is not None:
            arguments.append(("grpc.ssl_target_name_override", self.tls_server_name))
        return arguments

    def _service_config(self) -> str:
        """A server without room says when to come back, or that it is of no use, which gRPC obeys.
        Where the target stands for several servers, calls go to each in turn."""
        config: dict[str, Any] = {"loadBalancingConfig": [{"round_robin": {}}]}
        if self.max_attempts > 1:
            config["methodConfig"] = [{
                "name": [{}],
                "retryPolicy": {
                    "maxAttempts": self.max_attempts,
                    "initialBackoff": "0.05s",
                    "maxBackoff": "1s",
                    "backoffMultiplier": 2,
                    "retryableStatusCodes": ["UNAVAILABLE", "RESOURCE_EXHAUSTED"],
                },
            }]
        return json.dumps(config)


class CallMetadata:
    """What calls carry besides their request: who calls, by which token, and the call's own ids.

    Any thread may call `of_call` at any time.
    """

    def __init__(self, options: Options) -> None:
        caller = secrets.token_hex(16) if options.caller is None else options.caller
        self._caller = ("boltzmann-caller", _visible("caller", caller, _MAX_CALLER_LENGTH))
        self._token = _token_source(options)
        self._token()

    def of_call(self, request_id: str | None, traceparent: str | None) -> Metadata:
        """The metadata of one call."""
        found = [self._caller]
        token = self._token()
        if token is not None:
            found.append(("authorization", "Bearer " + token))
        if request_id is not None:
            found.append(("x-request-id", _visible("request_id", request_id)))
        if traceparent is not None:
            found.append(("traceparent", _visible("traceparent", traceparent)))
        return tuple(found)


def check_timeout(seconds: float) -> float:
    """The same; raises ValueError unless it is positive and finite."""
    if not isinstance(seconds, (int, float)) or not 0 < seconds < math.inf:
        raise ValueError(f"timeout: {shown(seconds)} is not allowed: give seconds, positive and "
                         "finite")
    return float(seconds)


def _visible(name: str, value: str, max_length: int = 4096) -> str:
    """The same; raises ValueError for what gRPC cannot send."""
    is_visible = isinstance(value, str) and all("!" <= letter <= "~" for letter in value)
    if not is_visible or not 0 < len(value) <= max_length:
        raise ValueError(f"{name}: {shown(value)} is not 1 to {max_length} visible ASCII "
                         "characters, without spaces")
    return value


def _read(name: str, path: str | os.PathLike[str]) -> bytes:
    try:
        with open(path, "rb") as file:
            return file.read()
    except OSError as error:
        raise ValueError(f"{name}: {os.fspath(path)} cannot be read: {error.strerror}") from error


def _token_source(options: Options) -> Callable[[], str | None]:
    if options.token_file is not None:
        return _TokenFile(options.token_file).read
    if options.token is not None:
        _secret("token", options.token)
    return lambda: options.token


def _secret(name: str, token: str) -> str:
    """As `_visible`, without showing the token."""
    try:
        return _visible(name, token)
    except ValueError:
        raise ValueError(f"{name}: is not 1 to 4096 visible ASCII characters, without spaces"
                         ) from None


class _TokenFile:
    """A file of one token, read again when it has changed."""

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self._path = path
        self._lock = threading.Lock()
        self._version: tuple[int, ...] = ()
        self._token = ""

    def read(self) -> str:
        """The token that the file has now. ValueError if it has none."""
        with self._lock:
            version = self._stat()
            if version != self._version:
                text = _read("token_file", self._path).decode("latin-1").strip()
                self._token = _secret(f"token_file: {os.fspath(self._path)}", text)
                self._version = version
            return self._token

    def _stat(self) -> tuple[int, ...]:
        try:
            found = os.stat(self._path)
        except OSError as error:
            raise ValueError(f"token_file: {os.fspath(self._path)} cannot be read: "
                             f"{error.strerror}") from error
        return found.st_mtime_ns, found.st_size, found.st_ino
