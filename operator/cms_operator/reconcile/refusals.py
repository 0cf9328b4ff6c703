"""What a user is told where the API server refuses a child, or something else has its name."""

from cms_operator.api import HeadlessCMS
from cms_operator.api.conditions import Reason
from cms_operator.api.problem import Problem
from cms_operator.cluster.kinds import BY_NAME, SECRET, SERVICE_ACCOUNT
from cms_operator.cluster.transport.api_error import ApiError
from cms_operator.cluster.writing.apply import NameHeldError, StillEndingError
from cms_operator.resources.sources.sources import required_secrets

_OPTIONAL = {kind.name for kind in BY_NAME.values() if kind.optional}


def name_held(held: NameHeldError, hcms: HeadlessCMS) -> Problem:
    """Why an object that is there stands in the way of a child, and what to do about it."""
    what = f"{held.kind} {held.name}"
    if held.kind == SECRET.name and held.name in required_secrets(hcms.spec).names:
        why = f"{what}, which the spec names, has the name of one that the operator makes."
        return Problem(Reason.NAME_TAKEN, f"{why} Give yours another name.")
    if not isinstance(held, StillEndingError):
        reason, why = Reason.NAME_TAKEN, f"{what} is there and belongs to somebody else."
        if held.kind == SERVICE_ACCOUNT.name:
            why += " To run the pods under it, name it in spec.pod.serviceAccountName."
    elif held.finalizers:
        waits = f"it waits for its finalizers {', '.join(held.finalizers)}"
        reason, why = Reason.STILL_ENDING, f"{what} was deleted and has not gone: {waits}."
    else:
        reason, why = Reason.STILL_ENDING, f"{what} of a deleted HeadlessCMS has not gone yet."
    return Problem(reason, f"{why} {reason.advice}")


def refusal(error: ApiError, kind: str) -> Problem:
    """What the user can do about an answer that a retry alone does not mend.

    Raises the error again where it is of another sort.
    """
    if not error.may_be_told_of_a_child:
        raise error
    if error.is_not_found and kind in _OPTIONAL:
        reason, what = Reason.MISSING_API, f"The cluster does not know the kind {kind}."
    elif "exceeded quota" in error.message:
        reason, what = Reason.QUOTA_EXCEEDED, f"{kind}: {error.message}."
    else:
        reason, what = Reason.API_REFUSED, f"The API server refuses a {kind}: {error.message}."
    return Problem(reason, f"{what} {reason.advice}")
