"""What can be told of an e-mail address without sending a message: one @, no white space, a dot in
the domain.
"""

EMAIL_PATTERN = r"^[^@\s]+@[^@\s.]+(\.[^@\s.]+)+$"
MAX_EMAIL_LENGTH = 254
