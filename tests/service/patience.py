"""How long the service waits for Redis and for a read replica where the tests run it: a machine
that stands still for a second has lost neither. What is stopped or cut off tells so at once.
"""

from types import ModuleType

from cms_service.core.redis import client, store
from cms_service.delivery import databases

Seconds = list[tuple[ModuleType, str, float]]

PATIENT: Seconds = [
    (client, "WAIT_SECONDS", 10.0),
    (store, "WAIT_SECONDS", 10.0),
    (store, "_CALL_SECONDS", 20.0),
    (databases, "_ANSWER_SECONDS", 20.0),
]
AS_SHIPPED: Seconds = [(module, name, getattr(module, name)) for module, name, _ in PATIENT]

# For what comes by itself, in seconds.
PATIENCE = 30.0
