"""The commands that show an object, its rollout and its revisions."""

import argparse
import shutil
import sys
import time
from collections.abc import Sequence
from datetime import UTC, datetime

from cms_operator.api.objects import Object
from cms_operator.cli import history as revisions
from cms_operator.cli import tree
from cms_operator.cli.kubectl import RESOURCE, ForbiddenError, Kubectl, KubectlError, Watch
from cms_operator.cli.terminal import fail, say
from cms_operator.cli.text import cut
from cms_operator.resources import labels

_CLEAR = "\x1b[H\x1b[2J"
# Events that come together are drawn together; ages are drawn anew all the same.
_TOGETHER_SECONDS = 0.2
_REDRAW_SECONDS = 5.0


def status(options: argparse.Namespace) -> int:
    kubectl, name = Kubectl.of(options), options.name
    selector = f"{labels.NAME}=headlesscms,{labels.INSTANCE}={name}"
    pods = ("pods", "--selector", selector)
    hcms = kubectl.get(RESOURCE, name)
    try:
        found, refused = kubectl.get(*pods)["items"], ""
    except ForbiddenError as error:
        found, refused = [], str(error)
    if not options.watch:
        _draw(hcms, found, refused)
        return 0
    watched = [(RESOURCE, name)] if refused else [(RESOURCE, name), pods]
    while True:
        try:
            with kubectl.watch(*watched) as watch:
                if not _follow(hcms, watch, refused):
                    return fail(f"{name} was deleted")
        except KubectlError as error:
            if not error.ended:
                raise


def _follow(hcms: Object, watch: Watch, refused: str) -> bool:
    """Draw until the watch ends, or the object does: then False."""
    pods: dict[str, Object] = {}
    while True:
        event = watch.next(_REDRAW_SECONDS if sys.stdout.isatty() else None)
        deadline = time.monotonic() + _TOGETHER_SECONDS
        while event:
            if event.object["kind"] == "Pod":
                pods[event.object["metadata"]["name"]] = event.object
                if event.type == "DELETED":
                    del pods[event.object["metadata"]["name"]]
            elif event.type == "DELETED":
                return False
            else:
                hcms = event.object
            left = deadline - time.monotonic()
            event = watch.next(left) if left > 0 else None
        _draw(hcms, list(pods.values()), refused, again=True)


def _draw(hcms: Object, pods: Sequence[Object], refused: str, *, again: bool = False) -> None:
    """`refused` tells why there are no pods to be seen, if one may not."""
    lines = tree.render(hcms, pods, datetime.now(UTC))
    if refused:
        lines += ["", f"Pods are left out: {refused}"]
    if again and sys.stdout.isatty():
        size = shutil.get_terminal_size()
        sys.stdout.write(_CLEAR)
        lines = [cut(line, size.columns) for line in lines[: size.lines - 1]]
    say([*lines, ""] if again and not sys.stdout.isatty() else lines)


def _records(kubectl: Kubectl, name: str) -> list[Object]:
    selector = f"{labels.MANAGED_BY}={labels.OPERATOR},{labels.INSTANCE}={name}"
    found: list[Object] = kubectl.get("controllerrevisions", "--selector", selector)["items"]
    return found


def history(options: argparse.Namespace) -> int:
    kubectl = Kubectl.of(options)
    hcms = kubectl.get(RESOURCE, options.name)
    say(revisions.history(hcms, _records(kubectl, options.name), datetime.now(UTC)))
    return 0


def diff(options: argparse.Namespace) -> int:
    records = _records(Kubectl.of(options), options.name)
    before, after = revisions.find(records, options.before), revisions.find(records, options.after)
    say(revisions.diff(before, after))
    return 0
