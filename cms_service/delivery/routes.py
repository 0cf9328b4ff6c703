"""The paths of the delivery API."""

PREFIX = "/v1/delivery/"
ENTRY_ROUTE = PREFIX + "{tenant}/{type_name}/{slug_or_id}"
LIST_ROUTE = PREFIX + "{tenant}/{type_name}"

SLUG_OR_ID_PATTERN = r"^[a-z0-9-]{1,200}$"
