"""Boltzmann turns LLM logits into tokens: the client of its service.

    with boltzmann.Client("127.0.0.1:50051") as sampler:
        reply = sampler.sample(logits, temperature=.7, top_p=.9, seed=[7, 8], position=0)
        reply.token_ids
"""

try:
    import boltzmann.v1.sampler_pb2
except ModuleNotFoundError as error:
    if error.name != "boltzmann.v1.sampler_pb2":
        raise
    raise ImportError("the API's messages are not generated: run client/python/generate.sh"
                      ) from None

from boltzmann.aio import AsyncClient
from boltzmann.aio_stream import AsyncSampleStream
from boltzmann.client import Client
from boltzmann.errors import (
    CallError,
    Cancelled,
    DeadlineExceeded,
    Error,
    FailedPrecondition,
    Internal,
    InvalidArgument,
    NotFound,
    PermissionDenied,
    ResourceExhausted,
    RowError,
    RowsFailed,
    Unauthenticated,
    Unavailable,
    Unimplemented,
    Unknown,
    Violation,
)
from boltzmann.logits import Bfloat16, Logits, SparseRows
from boltzmann.params import Fields, Outputs, Params, State
from boltzmann.replies import (
    DescribeReply,
    Description,
    Probabilities,
    Row,
    RowStatus,
    SampleReply,
    ScoreReply,
    ServerInfo,
    Stage,
    Tokens,
    VerifiedSequence,
    VerifyReply,
)
from boltzmann.shared_memory import SharedRing, Slot, SlotRows
from boltzmann.stream import SampleStream
from boltzmann.version import __version__

__all__ = [
    "AsyncClient",
    "AsyncSampleStream",
    "Bfloat16",
    "CallError",
    "Cancelled",
    "Client",
    "DeadlineExceeded",
    "DescribeReply",
    "Description",
    "Error",
    "FailedPrecondition",
    "Fields",
    "Internal",
    "InvalidArgument",
    "Logits",
    "NotFound",
    "Outputs",
    "Params",
    "PermissionDenied",
    "Probabilities",
    "ResourceExhausted",
    "Row",
    "RowError",
    "RowStatus",
    "RowsFailed",
    "SampleReply",
    "SampleStream",
    "ScoreReply",
    "ServerInfo",
    "SharedRing",
    "Slot",
    "SlotRows",
    "SparseRows",
    "Stage",
    "State",
    "Tokens",
    "Unauthenticated",
    "Unavailable",
    "Unimplemented",
    "Unknown",
    "VerifiedSequence",
    "VerifyReply",
    "Violation",
    "__version__",
]
