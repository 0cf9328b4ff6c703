"""The annotations of a HeadlessCMS by which people ask for something."""

from collections.abc import Mapping
from typing import Literal

# What may be asked of a rollout, each by an annotation of that name.
Verb = Literal[
    "promote", "promote-full", "pause", "resume", "abort", "retry", "rollback", "restart"
]
LONGEST_VERB_VALUE = 128
LONGEST_USER = 256
UNVERIFIED = "unverified"

MIGRATE = "headlesscms.io/migrate"
TAKE_OVER_DATABASE = "headlesscms.io/take-over-database"
ROTATE_JWT_KEY = "headlesscms.io/rotate-jwt-key"
ADOPT = "headlesscms.io/adopt"
LONGEST_VALUE = 256


def of_verb(verb: Verb) -> str:
    return f"headlesscms.io/{verb}"


def who_asked(verb: Verb) -> str:
    """The annotation in which the admission policies stamp who has asked."""
    return f"{of_verb(verb)}-by"


def asked(annotations: Mapping[str, str], name: str) -> str | None:
    """The value as it may stand in a status; None where nobody asks. Another is another request."""
    value = annotations.get(name)
    return None if value is None else value[:LONGEST_VALUE]
