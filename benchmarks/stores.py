"""A PostgreSQL, a Redis and a folder for the time of a benchmark."""

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from tests.service.servers import Postgres, Redis


@contextmanager
def opened(name: str) -> Iterator[tuple[Path, Postgres, Redis]]:
    with ExitStack() as stack:
        folder = Path(tempfile.mkdtemp(prefix=f"hcms-{name}-"))
        stack.callback(shutil.rmtree, folder)
        postgres = Postgres()
        stack.callback(postgres.remove)
        postgres.create().start()
        redis = Redis()
        stack.callback(redis.remove)
        redis.start()
        yield folder, postgres, redis
