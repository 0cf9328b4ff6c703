"""What people ask of a HeadlessCMS by its annotations, and who has asked."""

from collections.abc import Mapping
from typing import get_args

from cms_operator.api.annotations import (
    LONGEST_USER,
    LONGEST_VERB_VALUE,
    UNVERIFIED,
    Verb,
    of_verb,
    who_asked,
)
from cms_operator.observed.snapshot import Request


def requests(annotations: Mapping[str, str], *, stamped: bool) -> tuple[Request, ...]:
    """What people ask. A value of more than 128 characters is no request.

    `stamped` tells that admission policies guard who has asked.
    """
    return tuple(
        Request(verb, annotations[name], _asker(annotations, verb, stamped=stamped))
        for verb in get_args(Verb)
        if (name := of_verb(verb)) in annotations and len(annotations[name]) <= LONGEST_VERB_VALUE
    )


def _asker(annotations: Mapping[str, str], verb: Verb, *, stamped: bool) -> str:
    stamp = annotations.get(who_asked(verb), "") if stamped else ""
    return stamp[:LONGEST_USER] or UNVERIFIED
