"""What a content delivery network can be told to forget: an answer carries the names of all that it
shows. Pure.
"""

import re

# Networks take 16 KiB; beyond this much an answer is known by its tenant and type alone.
MAX_TAGS = 200
_ID = re.compile(rb'"id" ?: ?"([0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12})"')


def tags_of(content: bytes, tenant: str, type_name: str) -> tuple[bytes, ...]:
    """`acme`, `acme/article`, and `acme/<id>` for every entry, expanded ones among them. What looks
    like an entry in a field of JSON is one too many, which harms nobody.
    """
    name = tenant.encode()
    ids = dict.fromkeys(_ID.findall(content))
    general = (name, name + b"/" + type_name.encode())
    if len(ids) > MAX_TAGS:
        return general
    return (*general, *(name + b"/" + entry_id for entry_id in ids))
