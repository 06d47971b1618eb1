# Copyright (c) 2026, Entasis Engine contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Run site.yml against the running sandbox and say what now runs, asked of the AWS API and of Kubernetes themselves."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path
from typing import Any

import boto3

from sandbox.layout import AWS_PROFILE, AWS_REGION, Layout

PROJECT = Path(__file__).resolve().parent.parent
PLATFORM = "entasis"
COMMAND = ["ansible-playbook", "playbooks/site.yml", "-i", "inventories/sandbox"]


def run_site() -> int:
    """Run site.yml with its output as it comes; return how many tasks changed something, or leave with its failure."""
    process = subprocess.Popen(COMMAND, cwd=PROJECT, stdout=subprocess.PIPE, text=True)
    recap = ""
    for line in process.stdout or ():
        print(line, end="", flush=True)
        if re.search(r"\bok=\d+\s+changed=\d+", line):
            recap = line
    if process.wait():
        sys.exit(f"site.yml failed with exit code {process.returncode}; `make status` and the sandbox's logs say more.")
    found = re.search(r"changed=(\d+)", recap)
    if not found:
        sys.exit("site.yml ran on no host: is inventories/sandbox as it was?")
    return int(found.group(1))


def kubernetes(layout: Layout, *arguments: str) -> list[dict[str, Any]]:
    done = subprocess.run(
        ["kubectl", "--kubeconfig", str(layout.kubeconfig), "get", *arguments, "-o", "json"],
        check=True,
        capture_output=True,
        text=True,
    )
    return json.loads(done.stdout)["items"]


def is_ready(thing: dict[str, Any]) -> bool:
    return any(c["type"] == "Ready" and c["status"] == "True" for c in thing["status"].get("conditions", ()))


def application(pod: dict[str, Any]) -> str:
    labels = pod["metadata"].get("labels", {})
    return labels.get("app") or labels.get("app.kubernetes.io/name") or pod["metadata"]["name"]


def summary(layout: Layout) -> str:
    """What runs, one line a thing."""
    session = boto3.Session(region_name=AWS_REGION)
    ours = [{"Name": "tag:entasis.io/platform", "Values": [PLATFORM]}]
    vpc = session.client("ec2").describe_vpcs(Filters=ours)["Vpcs"][0]
    subnets = session.client("ec2").describe_subnets(Filters=ours)["Subnets"]
    cluster = session.client("eks").describe_cluster(name=PLATFORM)["cluster"]
    nodes = kubernetes(layout, "nodes")
    pods = kubernetes(layout, "pods", "--all-namespaces")
    zones = len({subnet["AvailabilityZone"] for subnet in subnets})

    lines = [
        "",
        "What runs now (the AWS account and the nodes are simulated, the Kubernetes API server is real)",
        f"  VPC      {vpc['VpcId']}  {vpc['CidrBlock']}  {len(subnets)} subnets in {zones} zones",
        f"  cluster  {cluster['name']}  Kubernetes {cluster['version']}  {cluster['status']}  {cluster['endpoint']}",
    ]
    ready = Counter(n["metadata"]["labels"]["eks.amazonaws.com/nodegroup"] for n in nodes if is_ready(n))
    types = {
        n["metadata"]["labels"]["eks.amazonaws.com/nodegroup"]: n["metadata"]["labels"][
            "node.kubernetes.io/instance-type"
        ]
        for n in nodes
    }
    lines += [f"  pool     {pool:<16} {count} Ready nodes  {types[pool]}" for pool, count in sorted(ready.items())]
    gpus = sum(int(n["status"]["allocatable"].get("nvidia.com/gpu", 0)) for n in nodes)
    lines.append(f"  GPUs     {gpus} allocatable nvidia.com/gpu")
    running = Counter((p["metadata"]["namespace"], application(p)) for p in pods if p["status"]["phase"] == "Running")
    lines += [
        f"  pods     {namespace}/{name:<24} {count} Running" for (namespace, name), count in sorted(running.items())
    ]
    return "\n".join(lines)


def main() -> None:
    layout = Layout.from_environment()
    os.environ.update(
        AWS_PROFILE=AWS_PROFILE,
        AWS_CONFIG_FILE=str(layout.aws_config),
        AWS_SHARED_CREDENTIALS_FILE=str(layout.aws_credentials),
    )
    start = time.monotonic()
    changed = run_site()
    took = time.monotonic() - start
    print(summary(layout))
    said = f"site.yml changed {changed} things" if changed else "site.yml changed nothing: all was as specified"
    endpoint = json.loads(layout.connection.read_text())["endpoint_url"]
    print(
        f"\n{said} ({took:.0f} s).\n\nTo look at it:\n"
        f"  export PATH={PROJECT}/.cache/bin:$PATH\n"
        f"  export KUBECONFIG={layout.kubeconfig}\n"
        f"  export AWS_ENDPOINT_URL={endpoint} AWS_PROFILE={AWS_PROFILE}"
        f" AWS_CONFIG_FILE={layout.aws_config} AWS_SHARED_CREDENTIALS_FILE={layout.aws_credentials}\n"
        "  kubectl get nodes,pods --all-namespaces;  aws eks list-nodegroups --cluster-name entasis\n"
        "  make down    ends it all"
    )


if __name__ == "__main__":
    main()
