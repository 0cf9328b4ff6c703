"""A CMS that serves, heals, is released and grows, made from nothing; all of it is left running."""

from pathlib import Path

import yaml

import localcluster
from demo.conditions import show_until_ready
from demo.disturbance import disturb
from demo.editing import publish, read_from_several_pods
from demo.growth import grow
from demo.headless_cms import HeadlessCms
from demo.installation import OPERATOR_NAMESPACE, Installation
from demo.misbehaving.faults.names import Fault
from demo.misbehaving.image import source
from demo.releases import Images, release
from demo.stage import NAME, NAMESPACE, TENANT, Stage
from demo.tools import Helm, Kubectl
from demo.traffic import LoadPod
from localcluster import existing, images
from localcluster.cluster import Cluster
from localcluster.progress import Progress

SAMPLE = Path(__file__).with_name("headlesscms.yaml")


def run() -> None:
    progress = Progress()
    cluster = localcluster.up(progress)
    loaded = images.build_and_load(cluster, progress)
    kubectl = Kubectl(cluster.binaries / "kubectl", cluster.kubeconfig)
    helm = Helm(cluster.binaries / "helm", cluster.kubeconfig)
    cms = HeadlessCms(kubectl, NAMESPACE, NAME)
    stage = Stage(kubectl, progress, cms, LoadPod(kubectl, NAMESPACE, loaded["api"]))
    _install(stage, Installation(kubectl, helm), loaded["operator"])
    _apply_sample(stage, loaded["api"])
    show_until_ready(stage)
    stage.load.start()
    article = publish(stage)
    read_from_several_pods(stage, article)
    disturb(stage, article)
    if cluster.provider == existing.PROVIDER:
        stage.say("a cluster of your own has one image of the CMS only: no release is shown")
    else:
        release(stage, article, _other_images(loaded["api"], cluster, progress))
    grow(stage, article)
    _tell_what_is_next(stage, article)


def _install(stage: Stage, installation: Installation, operator_image: str) -> None:
    with stage.progress.step("operator"):
        installation.install_operator(operator_image)
    with stage.progress.step("PostgreSQL and Redis for trying out"):
        installation.create_namespace(NAMESPACE)
        installation.install_datastores(NAMESPACE)


def _apply_sample(stage: Stage, image: str) -> None:
    sample = yaml.safe_load(SAMPLE.read_text())
    # By the name that changes with the content, so that an edited CMS is rolled out.
    sample["spec"]["image"] = image
    stage.kubectl.apply(sample)
    stage.say(f"applied {SAMPLE.name}; the conditions of HeadlessCMS {NAME}:")


def _other_images(first: str, cluster: Cluster, progress: Progress) -> Images:
    good, bad = (
        images.build_and_load_on(first, source(fault), cluster, progress)
        for fault in (Fault.GOOD, Fault.ERRORS)
    )
    return Images(first, good, bad)


def _tell_what_is_next(stage: Stage, article: str) -> None:
    kubectl = " ".join(stage.kubectl.argv)
    here = f"-n {NAMESPACE}"
    password = f"{{.data.{TENANT}\\.password}}"
    stage.say("it goes on running:")
    stage.say("\n" + stage.kubectl("get", "headlesscms,deployments,pods,hpa", "-n", NAMESPACE))
    stage.say(
        f"""what to try next:
  alias k='{kubectl}'
  k {here} get hcms {NAME} -w
  k {here} port-forward service/{NAME} 8000:80
      curl http://localhost:8000{article}
      curl http://localhost:8000/openapi.json
  k {here} get secret {NAME}-admin -o jsonpath='{password}' | base64 -d   # the owner's password
  k {here} patch hcms {NAME} --type=merge -p '{{"spec":{{"logLevel":"debug"}}}}'   # a new revision
  k {here} patch hcms {NAME} --type=merge -p '{{"spec":{{"image":"nowhere/cms:1"}}}}'   # a bad one
  k -n {OPERATOR_NAMESPACE} logs -l app.kubernetes.io/name=headlesscms-operator -f --prefix
  make demo-down"""
    )
