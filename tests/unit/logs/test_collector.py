"""The collector's configuration, run against what operator and CMS have written."""

import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path

from tests.support.charts import REPOSITORY
from tests.support.log_lines import read
from tests.unit.logs.sink import Record, Sink

CONFIGURATION = REPOSITORY / "config" / "logs" / "collector.yaml"
PATIENCE = 30.0
# What becomes a part of the record itself.
MOVED = {"time", "level", "message", "traceId", "spanId"}
LONGEST_PART = 200


def framed(lines: list[str]) -> str:
    """The lines as containerd writes them: long ones in parts."""
    text = ""
    for line in lines:
        parts = [line[at : at + LONGEST_PART] for at in range(0, len(line), LONGEST_PART)]
        for number, part in enumerate(parts, 1):
            mark = "F" if number == len(parts) else "P"
            text += f"2026-11-23T12:00:00.123456789Z stderr {mark} {part}\n"
    return text


def write_pod(folder: Path, namespace: str, pod: str, container: str, lines: list[str]) -> None:
    """Where the kubelet keeps them."""
    place = folder / f"{namespace}_{pod}_49cc7c1f-d370-4e5b-9b0c-6b1f1f0f0f0f" / container
    place.mkdir(parents=True)
    (place / "0.log").write_text(framed(lines))


@contextmanager
def collecting(program: Path, folder: Path, sink: Sink, log: Path) -> Iterator[None]:
    environment = {"LOGS_FOLDER": str(folder), "LOGS_ENDPOINT": f"http://127.0.0.1:{sink.port}"}
    with log.open("wb") as output:
        process = subprocess.Popen(  # noqa: S603  - built by this project, no shell
            [str(program), "--config", str(CONFIGURATION)],
            env=environment,
            stdout=output,
            stderr=subprocess.STDOUT,
        )
    try:
        yield
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(PATIENCE)


def collected(program: Path, tmp_path: Path, pods: Path, count: int) -> list[Record]:
    sink, log = Sink(), tmp_path / "otelcol.log"
    with sink.running(), collecting(program, pods, sink, log):
        deadline = time.monotonic() + PATIENCE
        while len(sink.records) < count:
            assert time.monotonic() < deadline, log.read_text()
            time.sleep(0.05)
    assert len(sink.records) == count
    return sink.records


def test_each_line_of_both_arrives_with_the_fields_of_the_contract(
    otelcol: Path, operator_lines: list[str], cms_lines: list[str], tmp_path: Path
) -> None:
    pods = tmp_path / "pods"
    write_pod(pods, "headlesscms-system", "headlesscms-operator-1", "operator", operator_lines)
    write_pod(pods, "team-a", "shop-a1b2c3d4e5-1", "api", cms_lines)
    written = {
        "headlesscms-operator": read(operator_lines),
        "headlesscms": read(cms_lines),
    }
    records = collected(otelcol, tmp_path, pods, len(operator_lines) + len(cms_lines))
    for service, lines in written.items():
        found = [record for record in records if record.resource["service.name"] == service]
        assert len(found) == len(lines)
        for record, line in zip(found, lines, strict=True):
            assert (record.body, record.severity) == (line["message"], line["level"])
            assert (record.trace_id, record.span_id) == (
                line.get("traceId", ""),
                line.get("spanId", ""),
            )
            assert abs(record.seconds - datetime.fromisoformat(line["time"]).timestamp()) < 0.001
            kept = {name: value for name, value in line.items() if name not in MOVED}
            assert {name: record.attributes.get(name) for name in kept} == kept
    api = next(record for record in records if record.resource["service.name"] == "headlesscms")
    places = ("k8s.namespace.name", "k8s.pod.name", "k8s.container.name")
    assert [api.resource[place] for place in places] == ["team-a", "shop-a1b2c3d4e5-1", "api"]


def test_a_line_that_the_runtime_parts_at_a_space_keeps_it(otelcol: Path, tmp_path: Path) -> None:
    pods = tmp_path / "pods"
    words = "x" + " " * (LONGEST_PART - 1) + " " * LONGEST_PART + "  y"
    write_pod(pods, "team-a", "shop-migrate-1", "migrate", [words])
    (found,) = collected(otelcol, tmp_path, pods, 1)
    assert found.body == words


def test_a_last_word_that_is_no_json_arrives_as_it_stands(otelcol: Path, tmp_path: Path) -> None:
    pods = tmp_path / "pods"
    words = ["Wrong settings: DATABASE_URL: Field required", "{ no JSON either"]
    write_pod(pods, "team-a", "shop-migrate-1", "migrate", words)
    write_pod(pods, "team-a", "somebody-else-1", "web", ["not for us"])
    found = collected(otelcol, tmp_path, pods, len(words))
    assert sorted(record.body for record in found) == sorted(words)
    assert {record.resource["service.name"] for record in found} == {"headlesscms"}
