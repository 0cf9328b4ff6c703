"""A host name with a dot in it, in the form in which names are compared: lower case and ASCII."""

import re

_LABEL = "[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?"
HOST_NAME = re.compile(rf"{_LABEL}(\.{_LABEL})+")
