from cms_service.core.validation.schemas import Schema


class Use(Schema):
    used: int
    limit: int | None


class Usage(Schema):
    content_types: Use
    entries: Use
    users: Use
    roles: Use
    api_keys: Use
    hosts: Use
    bytes: Use
    answer_bytes: Use
