"""The command line of `kubectl hcms`."""

import argparse
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from cms_operator.api.annotations import Verb
from cms_operator.cli import asking, history, lint, requesting, showing
from cms_operator.cli.kubectl import KubectlError
from cms_operator.cli.terminal import FAILED, fail, say

_INTERRUPTED = 130
# promote-full is promote --full.
REQUESTS: dict[Verb, str] = {
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
        return fail(str(error))
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
    status.set_defaults(run=showing.status)
    for verb, words in REQUESTS.items():
        _add_request(commands.add_parser(verb, parents=[named], help=words), verb)
    listed = commands.add_parser("history", parents=[named], help="revisions on record")
    listed.set_defaults(run=showing.history)
    compared = commands.add_parser("diff", parents=[named], help="what two revisions differ in")
    compared.add_argument("before", metavar="REVISION")
    compared.add_argument("after", metavar="REVISION")
    compared.set_defaults(run=showing.diff)
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
    parser.set_defaults(run=requesting.ask, verb=verb, full=False, to=None)


def _lint(options: argparse.Namespace) -> int:
    text = sys.stdin.read() if options.file == "-" else Path(options.file).read_text("utf-8")
    good, lines = lint.lint(text)
    say(lines)
    return 0 if good else FAILED


if __name__ == "__main__":
    sys.exit(main())
