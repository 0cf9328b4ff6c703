"""What PostgreSQL is told with each connection: how long a statement may take, and to believe for a
while only in a pod that says nothing. One whose node is lost does not even say that it is gone.
"""

# It is the server that ends a statement: so one that is slow is told from a server that is away.
STATEMENT_SECONDS = 10
# Above what a type's change takes; below the former, so that who waited is told to try again.
LOCK_SECONDS = 9
# Above what a pod does between two statements of a transaction, however busy it is.
IDLE_IN_TRANSACTION_SECONDS = 30

# Of a peer that is silent, and of one that takes no answer: after a minute it is lost.
QUIET_SECONDS = 30
PROBE_SECONDS = 10
PROBES = 3
UNANSWERED_SECONDS = 60

_TCP = {
    "tcp_keepalives_idle": f"{QUIET_SECONDS}",
    "tcp_keepalives_interval": f"{PROBE_SECONDS}",
    "tcp_keepalives_count": f"{PROBES}",
    "tcp_user_timeout": f"{UNANSWERED_SECONDS}s",
}
LOOK_FOR_SILENT_PEERS = "; ".join(f"SET {name} = '{value}'" for name, value in _TCP.items())


def of_connection(lock_seconds: float) -> dict[str, str]:
    return of_role() | {"lock_timeout": f"{lock_seconds}s"} | _TCP


def of_role() -> dict[str, str]:
    """What each transaction is bound by, also where a pooler holds the connections."""
    return {
        "statement_timeout": f"{STATEMENT_SECONDS}s",
        "lock_timeout": f"{LOCK_SECONDS}s",
        "idle_in_transaction_session_timeout": f"{IDLE_IN_TRANSACTION_SECONDS}s",
    }
