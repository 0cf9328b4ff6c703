"""What every act of the demo has at hand."""

from dataclasses import dataclass

from demo.headless_cms import HeadlessCms
from demo.tools import Kubectl
from demo.traffic import LoadPod
from localcluster.progress import Progress

NAMESPACE = "headlesscms-demo"
NAME = "shop"
TENANT = "acme"


@dataclass(frozen=True)
class Stage:
    kubectl: Kubectl
    progress: Progress
    cms: HeadlessCms
    load: LoadPod

    def say(self, text: str) -> None:
        self.progress.say(text)
