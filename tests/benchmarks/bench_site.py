# Copyright (c) 2026, Entasis Engine contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The whole of site.yml on a platform that is as specified, beside what it cannot do without.

That is a playbook of as many tasks that do nothing (`ping`), and for each task of ours a bare script that makes its
reads: with boto3, and with the kubernetes client by a token of AWS. A script per task is a process of its own, and they
run one after the other, as the tasks do.

Nothing waits in a run with nothing to do, so that what is compared is the time of the processor, which another process
on the machine does not change as it does the wall's. Ansible packs a module with all that it imports once a run, and
many pings are one module. So a second figure, without a bar, is beside a playbook of as many different modules that do
nothing.
"""

from __future__ import annotations

import json
import resource
import shutil
import statistics
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import yaml
from ansible.modules import ping
from ansible_collections.entasis.engine.plugins.filter.plan import plan

from tests.support.platform import PLATFORM, PROJECT, REGION, Sandbox

RUNS = 3
BAR = 1.3

_AWS = f"""
import base64, boto3, json, os, tempfile, urllib.parse
PLATFORM, ours = "{PLATFORM}", [dict(Name="tag:entasis.io/platform", Values=["{PLATFORM}"])]
"""
_NETWORK = """
ec2 = boto3.client("ec2")
tag = dict(Key="entasis.io/platform", Value=PLATFORM)
vpc = next(vpc["VpcId"] for vpc in ec2.describe_vpcs()["Vpcs"] if tag in vpc.get("Tags", ()))
inside = [dict(Name="vpc-id", Values=[vpc])]
ec2.describe_internet_gateways()
ec2.describe_addresses()
ec2.describe_vpc_attribute(VpcId=vpc, Attribute="enableDnsSupport")
ec2.describe_vpc_attribute(VpcId=vpc, Attribute="enableDnsHostnames")
ec2.describe_subnets(Filters=inside)
ec2.describe_nat_gateways(Filter=inside)
ec2.describe_route_tables(Filters=inside)
ec2.describe_vpc_endpoints(Filters=inside)
ec2.describe_availability_zones()
"""
_SECURITY_GROUPS = """
ec2 = boto3.client("ec2")
vpc = ec2.describe_vpcs(Filters=ours)["Vpcs"][0]["VpcId"]
ec2.describe_security_groups(Filters=[dict(Name="vpc-id", Values=[vpc])])
"""
_IAM_ROLES = """
iam = boto3.client("iam")
for role in (role["RoleName"] for role in iam.list_roles()["Roles"] if role["RoleName"].startswith(PLATFORM)):
    iam.get_role(RoleName=role)
    iam.list_attached_role_policies(RoleName=role)
    iam.list_role_policies(RoleName=role)
    iam.list_instance_profiles_for_role(RoleName=role)
"""
_KEYS = """
kms = boto3.client("kms")
kms.list_keys()
for alias in kms.list_aliases()["Aliases"]:
    if alias["AliasName"].startswith(f"alias/{PLATFORM}-"):
        key = dict(KeyId=alias["TargetKeyId"])
        kms.list_resource_tags(**key)
        kms.describe_key(**key)
        kms.get_key_rotation_status(**key)
        kms.get_key_policy(**key, PolicyName="default")
"""
_LOG_GROUPS = """
logs = boto3.client("logs")
boto3.client("kms").describe_key(KeyId=f"alias/{PLATFORM}-data")
for group in logs.describe_log_groups()["logGroups"]:
    logs.list_tags_for_resource(resourceArn=group["arn"].removesuffix(":*"))
"""
_CLUSTER = """
ec2, eks, iam = map(boto3.client, ("ec2", "eks", "iam"))
ec2.describe_vpcs(Filters=ours)
ec2.describe_subnets(Filters=ours)
cluster = eks.describe_cluster(name=PLATFORM)["cluster"]
iam.get_role(RoleName=cluster["roleArn"].rpartition("/")[2])
"""
_ENTRIES = """
eks = boto3.client("eks")
eks.describe_cluster(name=PLATFORM)
for principal in eks.list_access_entries(clusterName=PLATFORM)["accessEntries"]:
    eks.describe_access_entry(clusterName=PLATFORM, principalArn=principal)
    eks.list_associated_access_policies(clusterName=PLATFORM, principalArn=principal)
"""
_ASSOCIATIONS = """
eks, iam = map(boto3.client, ("eks", "iam"))
eks.describe_cluster(name=PLATFORM)
for one in eks.list_pod_identity_associations(clusterName=PLATFORM)["associations"]:
    found = eks.describe_pod_identity_association(clusterName=PLATFORM, associationId=one["associationId"])
    iam.get_role(RoleName=found["association"]["roleArn"].rpartition("/")[2])
"""
_ADDONS = """
eks = boto3.client("eks")
version = eks.describe_cluster(name=PLATFORM)["cluster"]["version"]
eks.describe_addon_versions(kubernetesVersion=version)
for name in eks.list_addons(clusterName=PLATFORM)["addons"]:
    eks.describe_addon(clusterName=PLATFORM, addonName=name)
"""
_KUBECONFIG = 'boto3.client("eks").describe_cluster(name=PLATFORM)'
_NODE_POOLS = """
ec2, eks, iam, ssm = map(boto3.client, ("ec2", "eks", "iam", "ssm"))
ec2.describe_vpcs(Filters=ours)
ec2.describe_subnets(Filters=ours)
eks.describe_cluster(name=PLATFORM)
for pool in eks.list_nodegroups(clusterName=PLATFORM)["nodegroups"]:
    found = eks.describe_nodegroup(clusterName=PLATFORM, nodegroupName=pool)["nodegroup"]
iam.get_role(RoleName=found["nodeRole"].rpartition("/")[2])
ssm.get_parameters(Names=["/aws/service/eks/optimized-ami/1.35/amazon-linux-2023/x86_64/standard/recommended"])
"""

#: What each script of Kubernetes begins with: the way to the cluster of the platform, and two of its answers.
_KUBERNETES = """
from kubernetes.client import ApiClient, Configuration
eks, sts = boto3.client("eks"), boto3.client("sts")
cluster = eks.describe_cluster(name=PLATFORM)["cluster"]
name = lambda request, **_event: request.headers.__setitem__("x-k8s-aws-id", PLATFORM)
sts.meta.events.register("before-sign.sts.GetCallerIdentity", name)
url = sts.generate_presigned_url("get_caller_identity", ExpiresIn=60, HttpMethod="GET")
token = "k8s-aws-v1." + base64.urlsafe_b64encode(url.encode()).decode().rstrip("=")
authority = tempfile.NamedTemporaryFile()
authority.write(base64.b64decode(cluster["certificateAuthority"]["data"]))
authority.flush()
configuration = Configuration(host=cluster["endpoint"])
configuration.ssl_ca_cert = authority.name
client = ApiClient(configuration)
def ask(path, method="GET", body=None, content="application/json", **query):
    headers = {"Authorization": f"Bearer {token}", "Accept": "application/json", "Content-Type": content}
    url = f"{cluster['endpoint']}{path}?{urllib.parse.urlencode(query)}"
    return json.loads(client.call_api(method, url, headers, body).read())
ask("/api")
ask("/apis")
"""

_RELEASES = _KUBERNETES + 'ask("/api/v1/secrets", labelSelector="owner=helm", limit=500)\n'

_GPUS = (
    _KUBERNETES
    + """
ask("/api/v1/nodes", labelSelector="nvidia.com/gpu.present=true", limit=500)
ask("/api/v1/namespaces/nvidia/pods", labelSelector="app.kubernetes.io/name=nvidia-device-plugin", limit=5000)
ask("/apis/coordination.k8s.io/v1/namespaces/kube-node-lease/leases", limit=5000)
"""
)

_OBJECTS = (
    _KUBERNETES
    + """
manifests = json.loads(os.environ["MANIFESTS"])
ask("/api/v1/namespaces/default/configmaps", labelSelector="applyset.kubernetes.io/id")
for manifest in manifests:
    version, metadata = manifest["apiVersion"], manifest["metadata"]
    inside = f"/namespaces/{metadata['namespace']}" if "namespace" in metadata else ""
    plural = manifest["kind"].lower() + "s"
    path = f"/{'apis' if '/' in version else 'api'}/{version}{inside}/{plural.replace('ys', 'ies')}"
    ask(path, labelSelector="applyset.kubernetes.io/part-of")
    options = {"dryRun": "All", "fieldManager": "bare", "force": "true"}
    ask(f"{path}/{metadata['name']}", "PATCH", json.dumps(manifest), "application/apply-patch+yaml", **options)
"""
)

#: A script for each task, in their order.
_SCRIPTS = (
    _NETWORK,
    _SECURITY_GROUPS,
    _KEYS,
    _LOG_GROUPS,
    _IAM_ROLES,
    _CLUSTER,
    _ENTRIES,
    _ASSOCIATIONS,
    _ADDONS,
    _KUBECONFIG,
    _IAM_ROLES,
    _NODE_POOLS,
    _ADDONS,
    _RELEASES,
    _GPUS,
    _OBJECTS,
)


def benchmarks(sandbox: Sandbox) -> list[tuple[str, float, float | None]]:
    first = sandbox.site()
    if first.code:
        raise RuntimeError(first.output)
    tasks, environment = _no_op(sandbox), _environment(sandbox)
    folder = PROJECT / ".cache" / "bench_site"
    alike = _playbook(folder, tasks, different=0)
    different = _playbook(folder, tasks, different=len(set(_SCRIPTS)))
    runs = [
        (
            _seconds(lambda: _no_op(sandbox)),
            _seconds(lambda: _do_nothing(sandbox, alike)),
            _seconds(lambda: _do_nothing(sandbox, different)),
            _seconds(lambda: _read(environment)),
        )
        for _run in range(RUNS)
    ]
    site, pings, modules, scripts = (statistics.median(times) for times in zip(*runs, strict=True))
    print(
        f"  processor seconds: site.yml {site:.1f}, {tasks} pings {pings:.1f}, {len(_SCRIPTS)} scripts {scripts:.1f};"
    )
    print(f"  {tasks} tasks that do nothing, {len(set(_SCRIPTS))} of them of different modules, {modules:.1f}")
    return [
        ("site.yml with nothing to do / as many pings and its reads by bare scripts", site / (pings + scripts), BAR),
        ("the same, the pings as many different modules as its tasks", site / (modules + scripts), None),
    ]


def _playbook(folder: Path, tasks: int, *, different: int) -> Path:
    """A playbook of as many tasks, and as many of them of modules that differ from ping in nothing but their name."""
    library = folder / "library"
    library.mkdir(parents=True, exist_ok=True)
    for number in range(different):
        shutil.copy(str(ping.__file__), library / f"ping_{number}.py")
    names = [*(f"ping_{number}" for number in range(different)), *["ansible.builtin.ping"] * (tasks - different)]
    play = {
        "hosts": "platform",
        "environment": "{{ platform_environment }}",
        "tasks": [{name: {}} for name in names],
    }
    path = folder / f"{different}_different.yml"
    path.write_text(yaml.safe_dump([play]))
    return path


def _environment(sandbox: Sandbox) -> dict[str, str]:
    """What the scripts are told: whom they are, and the objects of the services."""
    spec = yaml.safe_load((PROJECT / "inventories/sandbox/group_vars/all/platform.yml").read_text())["entasis_platform"]
    manifests = [one for each in plan(spec, "services")["sets"] for one in each["objects"]]
    return {**sandbox.environment, "AWS_DEFAULT_REGION": REGION, "MANIFESTS": json.dumps(manifests)}


def _read(environment: dict[str, str]) -> None:
    for script in _SCRIPTS:
        subprocess.run([sys.executable, "-c", _AWS + script], env=environment, check=True, timeout=60)


def _no_op(sandbox: Sandbox) -> int:
    """Run site.yml; how many tasks it had."""
    again = sandbox.site()
    if again.code or again.changed:
        raise RuntimeError(f"not a no-op: {again.changed_tasks}\n{again.output}")
    return int(again.report["stats"]["localhost"]["ok"])


def _do_nothing(sandbox: Sandbox, playbook: Path) -> None:
    done = sandbox.run(f"../{playbook.relative_to(PROJECT).with_suffix('')}")
    if done.code:
        raise RuntimeError(done.output)


def _seconds(run: Callable[[], object]) -> float:
    """Processor seconds of the processes that a run starts."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    run()
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
