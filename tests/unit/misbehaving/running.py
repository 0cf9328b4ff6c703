"""How a test runs the CMS: with a fault, for the time of a block."""

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager, AbstractContextManager

from cms_service import app

Run = Callable[[AbstractContextManager[object]], AbstractAsyncContextManager[app.Cms]]
