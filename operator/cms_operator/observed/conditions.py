"""The conditions in the status of any object."""

from cms_operator.api.objects import Object


def condition_of(status: Object, kind: str) -> Object:
    for condition in status.get("conditions") or []:
        if condition["type"] == kind:
            found: Object = condition
            return found
    return {}
