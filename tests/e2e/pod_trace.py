"""How many pods of a HeadlessCMS live and are available, at each change of one of them."""

import subprocess
import threading
from collections.abc import Iterable
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import Self

from demo.headless_cms import HeadlessCms
from demo.waiting import wait_until

START_SECONDS = 60
LINE = (
    "{.type}|{.object.metadata.name}|{.object.metadata.deletionTimestamp}|"
    '{.object.status.conditions[?(@.type=="Ready")].status}{"\\n"}'
)


@dataclass
class PodTrace:
    """Follows the pods while it is entered. One that is ending counts for neither figure."""

    cms: HeadlessCms
    living: list[int] = field(default_factory=list)
    available: list[int] = field(default_factory=list)
    _ready: dict[str, bool] = field(default_factory=dict)
    _end: ExitStack = field(default_factory=ExitStack)

    def __enter__(self) -> Self:
        there = {pod["metadata"]["name"] for pod in self.cms.pods()}
        process = self._end.enter_context(
            subprocess.Popen(  # noqa: S603  - kubectl of this project, no shell
                [*self.cms.kubectl.argv, *self._command()], text=True, stdout=subprocess.PIPE
            )
        )
        reader = threading.Thread(target=self._follow, args=(process.stdout, there), daemon=True)
        reader.start()
        self._end.callback(reader.join)
        self._end.callback(process.terminate)
        wait_until(lambda: self.living, START_SECONDS, "the pods that are there")
        return self

    def __exit__(self, *_: object) -> None:
        self._end.close()

    def _command(self) -> list[str]:
        selector = f"{self.cms.selector},app.kubernetes.io/component=api"
        which = ["get", "pods", "-n", self.cms.namespace, "-l", selector]
        return [*which, "--watch", "--output-watch-events", "-o", f"jsonpath={LINE}"]

    def _follow(self, lines: Iterable[str], there: set[str]) -> None:
        """`there` are told one by one at first."""
        for line in lines:
            change, name, ending, ready = line.rstrip("\n").split("|")
            there.discard(name)
            if change == "DELETED" or ending:
                self._ready.pop(name, None)
            else:
                self._ready[name] = ready == "True"
            if not there:
                self.living.append(len(self._ready))
                self.available.append(sum(self._ready.values()))
