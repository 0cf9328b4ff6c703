"""What can be told of an e-mail address without sending a message: one @, no white space, a dot in
the domain.
"""

EMAIL_PATTERN = r"^[^@\s]+@[^@\s.]+(\.[^@\s.]+)+$"
MAX_EMAIL_LENGTH = 254


def folded(email: str) -> str:
    """The address as PostgreSQL's lower() finds its user, letter by letter. `str.lower` makes two
    letters of `İ`, where PostgreSQL makes an i.
    """
    return "".join(letter.lower()[:1] for letter in email)
