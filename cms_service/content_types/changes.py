"""What a new definition would do to content that is there. Pure."""

from collections.abc import Sequence

from cms_service.content_types.fields import BaseField


def breaking_changes(old: Sequence[BaseField], new: Sequence[BaseField]) -> list[str]:
    """Stored entries stay right only when fields are kept as they are, or added as optional
    ones.
    """
    wanted = {field.name: field for field in new}
    reasons = [
        f"the field {field.name} is removed"
        if field.name not in wanted
        else f"the field {field.name} is changed"
        for field in old
        if wanted.get(field.name) != field
    ]
    added = wanted.keys() - {field.name for field in old}
    reasons += [
        f"the new field {name} is required" for name in sorted(added) if wanted[name].required
    ]
    return reasons
