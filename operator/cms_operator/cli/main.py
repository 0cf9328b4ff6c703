"""Reads the command line, runs kubectl, prints what the pure parts make of it."""

import argparse
import os
import shutil
import sys
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import get_args

from cms_operator.api.objects import Object
from cms_operator.api.status import Verb
from cms_operator.cli import asking, history, lint, tree
from cms_operator.cli.kubectl import (
    RESOURCE,
    ForbiddenError,
    Kubectl,
    KubectlError,
    Watch,
)
from cms_operator.cli.text import coloured, cut
from cms_operator.resources import labels

_FAILED = 1
_INTERRUPTED = 130
_CLEAR = "\x1b[H\x1b[2J"
# Events that come together are drawn together; ages are drawn anew all the same.
_TOGETHER_SECONDS = 0.2
_REDRAW_SECONDS = 5.0
_HELP = {
    "promote": "go on after a pause, or end the bake",
    "pause": "hold the rollout where it is",
    "resume": "end a pause that somebody asked for",
    "abort": "take the revision on trial back",
    "retry": "begin an aborted rollout anew, or end a rollback",
    "restart": "release the same image anew",
    "rollback": "go back to an earlier revision until the spec changes",
}


def main(arguments: Sequence[str] | None = None) -> int:
    options = _parser().parse_args(arguments)
    run: Callable[[argparse.Namespace], int] = options.run
    try:
        return run(options)
    except (
        KubectlError,
        asking.CannotAskError,
        history.UnknownRevisionError,
        lint.UnreadableError,
        OSError,
    ) as error:
        return _fail(str(error))
    except KeyboardInterrupt:
        return _INTERRUPTED


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="kubectl hcms", description="Releases of a HeadlessCMS.")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    cluster = argparse.ArgumentParser(add_help=False)
    cluster.add_argument("-n", "--namespace", help="as kubectl's")
    cluster.add_argument("--context", help="as kubectl's")
    cluster.add_argument("--kubeconfig", help="as kubectl's")
    named = argparse.ArgumentParser(add_help=False, parents=[cluster])
    named.add_argument("name", metavar="NAME", help="a HeadlessCMS")

    status = commands.add_parser("status", parents=[named], help="object, rollout and pods")
    status.add_argument("-w", "--watch", action="store_true", help="draw it anew when it changes")
    status.set_defaults(run=_status)
    for verb, words in _HELP.items():
        _add_request(commands.add_parser(verb, parents=[named], help=words), verb)
    listed = commands.add_parser("history", parents=[named], help="revisions on record")
    listed.set_defaults(run=_history)
    compared = commands.add_parser("diff", parents=[named], help="what two revisions differ in")
    compared.add_argument("before", metavar="REVISION")
    compared.add_argument("after", metavar="REVISION")
    compared.set_defaults(run=_diff)
    linted = commands.add_parser("lint", help="check a file and say what it would do, offline")
    linted.add_argument("file", metavar="FILE", help="YAML, also with its Secrets; - for stdin")
    linted.set_defaults(run=_lint)
    return parser


def _add_request(parser: argparse.ArgumentParser, verb: str) -> None:
    if verb == "promote":
        parser.add_argument("--full", action="store_true", help="past all steps")
    if verb == "rollback":
        parser.add_argument("--to", metavar="REVISION", help="default: the one stable before")
    parser.add_argument("--no-wait", action="store_true", help="do not wait for the answer")
    parser.add_argument(
        "--timeout", type=float, default=60.0, metavar="SECONDS", help="for the answer (60)"
    )
    parser.set_defaults(run=_ask, verb=verb, full=False, to=None)


def _kubectl(options: argparse.Namespace) -> Kubectl:
    given = {name: getattr(options, name) for name in ("namespace", "context", "kubeconfig")}
    return Kubectl(tuple(f"--{name}={value}" for name, value in given.items() if value))


# --- requests


def _ask(options: argparse.Namespace) -> int:
    kubectl, name = _kubectl(options), options.name
    wanted = "promote-full" if options.full else options.verb
    verb: Verb = next(found for found in get_args(Verb) if found == wanted)
    token = datetime.now(UTC).strftime("%Y%m%dT%H%M%S.%f")
    value = asking.value(verb, kubectl.get(RESOURCE, name), token, options.to)
    kubectl.annotate(name, {asking.annotation(verb): value})
    if options.no_wait:
        _print([f"{name}: asked {asking.annotation(verb)}={value}"])
        return 0
    answer = _wait(kubectl, name, verb, value, time.monotonic() + options.timeout)
    if answer is None:
        back = ("annotate", RESOURCE, name, f"{asking.annotation(verb)}-")
        return _fail(
            f"{name}: no answer within {options.timeout:g} s; is the operator running? The request "
            f"stands until it is answered. Take it back with: {kubectl.shown(*back)}"
        )
    if answer.refused:
        return _fail(f"{name}: refused: {answer.words}")
    _print([f"{name}: {answer.words}"])
    return 0


def _wait(
    kubectl: Kubectl, name: str, verb: Verb, value: str, deadline: float
) -> asking.Answer | None:
    while (left := deadline - time.monotonic()) > 0:
        try:
            with kubectl.watch((RESOURCE, name)) as watch:
                while event := watch.next(max(0.0, left)):
                    if answer := asking.answer(event.object, verb, value):
                        return answer
                    left = deadline - time.monotonic()
        except KubectlError as error:
            if not error.ended:
                raise
    return None


# --- showing


def _status(options: argparse.Namespace) -> int:
    kubectl, name = _kubectl(options), options.name
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
                    return _fail(f"{name} was deleted")
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
    _print([*lines, ""] if again and not sys.stdout.isatty() else lines)


def _records(kubectl: Kubectl, name: str) -> list[Object]:
    selector = f"{labels.MANAGED_BY}={labels.OPERATOR},{labels.INSTANCE}={name}"
    found: list[Object] = kubectl.get("controllerrevisions", "--selector", selector)["items"]
    return found


def _history(options: argparse.Namespace) -> int:
    kubectl = _kubectl(options)
    hcms = kubectl.get(RESOURCE, options.name)
    _print(history.history(hcms, _records(kubectl, options.name), datetime.now(UTC)))
    return 0


def _diff(options: argparse.Namespace) -> int:
    records = _records(_kubectl(options), options.name)
    before, after = history.find(records, options.before), history.find(records, options.after)
    _print(history.diff(before, after))
    return 0


def _lint(options: argparse.Namespace) -> int:
    text = sys.stdin.read() if options.file == "-" else Path(options.file).read_text("utf-8")
    good, lines = lint.lint(text)
    _print(lines)
    return 0 if good else _FAILED


def _print(lines: Sequence[str]) -> None:
    colours = sys.stdout.isatty() and not os.environ.get("NO_COLOR")
    for line in lines:
        sys.stdout.write(f"{coloured(line) if colours else line}\n")
    sys.stdout.flush()


def _fail(words: str) -> int:
    sys.stderr.write(f"error: {words}\n")
    return _FAILED


if __name__ == "__main__":
    sys.exit(main())
