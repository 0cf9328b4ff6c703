"""What each image does: a context in which the CMS runs."""

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext

from demo.misbehaving.faults import database, migration, process, requests
from demo.misbehaving.faults.names import Fault

FAULTS: Mapping[Fault, Callable[[], AbstractContextManager[object]]] = {
    Fault.ERRORS: lambda: requests.handled_by(requests.Failing),
    Fault.SLOW: lambda: requests.handled_by(requests.Slow),
    Fault.CRASH: lambda: process.once_ready(process.crash),
    Fault.NEVER_READY: process.never_ready,
    Fault.LEAK: lambda: process.once_ready(process.leak),
    Fault.NO_DATABASE: database.unreachable,
    Fault.BAD_MIGRATION: migration.refused,
    Fault.GOOD: nullcontext,
}
