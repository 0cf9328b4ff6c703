"""What every system under measurement holds: articles of 2 kB, each with an author and three tags.

The constants in capitals with SQL in them are of a row `n`, counted from 0.
"""

ARTICLES, AUTHORS, TAGS = 10_000, 100, 50
PAGE = 20

TITLE = "'Article ' || n"
SLUG = "'article-' || n"
BODY = "repeat(md5(n::text) || ' ', 60)"
PRICE = "n % 1000"
PUBLISHED_AT = "now() - n * interval '1 minute'"
AUTHOR_NAME = "'Author ' || n"
AUTHOR_BIO = "repeat('words ', 50)"
TAG_TITLE = "'Tag ' || n"
# Which author an article has, and how far its tags are from the one with its own number.
AUTHOR_OF = f"n % {AUTHORS}"
TAG_STEPS = (0, 7, 19)


def numbers(count: int) -> str:
    return f"generate_series(0, {count - 1}) n"
