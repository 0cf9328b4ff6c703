"""The programs that the clusters run, built from one pinned Go module and kept in a cache."""

import hashlib
import re
import shutil
import tempfile
from collections.abc import Collection, Iterable, Sequence
from pathlib import Path

from localcluster import golang, lock
from localcluster.paths import GO_MODULE, cache_home, log_file
from localcluster.progress import Progress, Step
from localcluster.shell import run, run_logged

PACKAGES = {
    "coredns": "headlesscms.io/localcluster/coredns",
    "etcd": "go.etcd.io/etcd/server/v3",
    "helm": "helm.sh/helm/v4/cmd/helm",
    "kind": "sigs.k8s.io/kind",
    "kube-apiserver": "k8s.io/kubernetes/cmd/kube-apiserver",
    "kube-controller-manager": "k8s.io/kubernetes/cmd/kube-controller-manager",
    "kube-proxy": "k8s.io/kubernetes/cmd/kube-proxy",
    "kube-scheduler": "k8s.io/kubernetes/cmd/kube-scheduler",
    "kubectl": "k8s.io/kubernetes/cmd/kubectl",
    "kubelet": "k8s.io/kubernetes/cmd/kubelet",
    "kwok": "sigs.k8s.io/kwok/cmd/kwok",
    "metrics-server": "sigs.k8s.io/metrics-server/cmd/metrics-server",
    "pause": "headlesscms.io/localcluster/pause",
}
TOOLS = ("kubectl", "helm")
KIND = (*TOOLS, "kind", "metrics-server")
CONTROL_PLANE = (
    "etcd",
    "kube-apiserver",
    "kube-controller-manager",
    "kube-scheduler",
    "kubectl",
    "kwok",
)
NODE = tuple(name for name in PACKAGES if name != "kind")
# go build names etcd's program by the last path element of its module.
BUILT_AS = {"etcd": "server"}
KWOK_STAGES = "kwok-stages.yaml"
STAGE_FILES = (
    "node/fast/node-initialize.yaml",
    "node/heartbeat-with-lease/node-heartbeat-with-lease.yaml",
    "pod/fast/pod-ready.yaml",
    "pod/fast/pod-complete.yaml",
    "pod/fast/pod-delete.yaml",
)
KEPT_VERSIONS = 2
UNFINISHED = "unfinished-"


def kubernetes_version(go_mod: str) -> str:
    line = re.search(r"^\s*k8s\.io/kubernetes (v\S+)", go_mod, re.MULTILINE)
    if line is None:
        raise ValueError("go.mod does not require k8s.io/kubernetes")
    return line[1]


def linker_flags(version: str) -> str:
    """Flags that set the version which servers report; without them it is v0.0.0."""
    major, minor, _ = version.removeprefix("v").split(".", 2)
    values = {"gitVersion": version, "gitMajor": major, "gitMinor": minor, "gitTreeState": "clean"}
    settings = (f"-X k8s.io/component-base/version.{k}={v}" for k, v in values.items())
    return " ".join(("-s -w", *settings))


def sources_key(sources: Iterable[tuple[str, bytes]], go_version: str) -> str:
    digest = hashlib.sha256(go_version.encode())
    for name, content in sorted(sources):
        digest.update(f"\0{name}\0{len(content)}\0".encode())
        digest.update(content)
    return digest.hexdigest()[:16]


def _sources() -> list[tuple[str, bytes]]:
    files = [GO_MODULE / "go.mod", GO_MODULE / "go.sum", *GO_MODULE.glob("*/*.go")]
    return [(str(path.relative_to(GO_MODULE)), path.read_bytes()) for path in files]


def folder(go: Path) -> Path:
    version = ".".join(map(str, golang.version(go)))
    return cache_home() / "bin" / sources_key(_sources(), version)


def missing(target: Path, names: Collection[str]) -> list[str]:
    wanted = [*names, *([KWOK_STAGES] if "kwok" in names else [])]
    return [name for name in wanted if not (target / name).exists()]


def all_built(names: Collection[str]) -> bool:
    go = golang.found()
    return go is not None and not missing(folder(go), names)


def ensure(names: Collection[str], progress: Progress) -> Path:
    """The folder that holds the named programs; builds those that are not there."""
    with lock.held("binaries", progress):
        go = golang.toolchain(progress)
        target = folder(go)
        if lacking := missing(target, names):
            target.mkdir(parents=True, exist_ok=True)
            _build(go, target, [name for name in lacking if name in PACKAGES], progress)
        target.touch()
        _prune(target)
    return target


def _build(go: Path, target: Path, names: Sequence[str], progress: Progress) -> None:
    packages = [PACKAGES[name] for name in names]
    with progress.step("Go modules"):
        count = len(_dependencies(go, packages))
    # Next to the target, so that a finished program is moved in one step.
    with tempfile.TemporaryDirectory(dir=target.parent, prefix=UNFINISHED) as scratch:
        if packages:
            with progress.step(_title(names)) as step:
                _compile(go, Path(scratch), packages, step, count)
        for name in names:
            (Path(scratch) / BUILT_AS.get(name, name)).replace(target / name)
        if (target / "kwok").exists():
            (Path(scratch) / KWOK_STAGES).write_text(_stages(go))
            (Path(scratch) / KWOK_STAGES).replace(target / KWOK_STAGES)


def _title(names: Sequence[str]) -> str:
    return f"building {names[0]}" if len(names) == 1 else f"building {len(names)} programs"


def _dependencies(go: Path, packages: Sequence[str]) -> list[str]:
    """Every package of the programs; fetches the modules on the way."""
    log = log_file("go-modules")
    found: list[str] = []
    run_logged(
        (str(go), "list", "-C", str(GO_MODULE), "-deps", *packages),
        log,
        cure="see that `go mod download` works in localcluster/binaries (GOPROXY)",
        on_line=found.append,
        env={"CGO_ENABLED": "0"},
    )
    return found


def _compile(
    go: Path, output: Path, packages: Sequence[str], step: Step, package_count: int
) -> None:
    compiled = 0

    def show(line: str) -> None:
        nonlocal compiled
        compiled += 1
        step.detail(f"{compiled} of at most {package_count} packages, now {line}")

    flags = linker_flags(kubernetes_version((GO_MODULE / "go.mod").read_text()))
    options = ("-v", "-trimpath", "-buildvcs=false", "-ldflags", flags)
    run_logged(
        (str(go), "build", "-C", str(GO_MODULE), *options, "-o", f"{output}/", *packages),
        log_file("go-build"),
        cure="the log names the package that failed; often the disk is full or memory ran out",
        on_line=show,
        env={"CGO_ENABLED": "0"},
    )


def _stages(go: Path) -> str:
    """KWOK's own stages for pods that are ready at once."""
    command = (str(go), "list", "-C", str(GO_MODULE), "-m", "-f", "{{.Dir}}", "sigs.k8s.io/kwok")
    stages = Path(run(command).strip()) / "kustomize" / "stage"
    return "---\n".join((stages / name).read_text() for name in STAGE_FILES)


def _prune(current: Path) -> None:
    for path in current.parent.glob(f"{UNFINISHED}*"):
        shutil.rmtree(path, ignore_errors=True)
    folders = [path for path in current.parent.iterdir() if path.is_dir()]
    newest_first = sorted(folders, key=lambda path: path.stat().st_mtime, reverse=True)
    for path in newest_first[KEPT_VERSIONS:]:
        if path != current and not _in_use(path):
            shutil.rmtree(path, ignore_errors=True)


def _in_use(target: Path) -> bool:
    for process in Path("/proc").glob("[0-9]*/exe"):
        try:
            program = process.readlink()
        except OSError:
            continue  # ended, a kernel thread, or another user's
        if program.is_relative_to(target):
            return True
    return False
