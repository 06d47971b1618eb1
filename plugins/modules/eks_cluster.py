#!/usr/bin/python
# Copyright (c) 2026, Entasis Engine contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: eks_cluster
version_added: 0.1.0
short_description: Reconcile an EKS cluster
author: Entasis Engine contributors (@entasis-engine)
description:
  - Makes one EKS cluster what the options say - creates it with everything in one call, changes what EKS can change,
    and refuses, with the reason, what it cannot.
  - Each kind of change is one update of EKS, waited for before the next. A version several minor versions ahead is
    reached one minor version at a time, as EKS wants it.
  - The IAM role, the VPC, the subnets and the security groups are found by their names. In check mode they may be
    missing; in a real run a missing one is an error.
  - An operation that is under way, of an interrupted run or of somebody else, is waited for first.
options:
  name:
    description:
      - Name of the cluster.
      - The default is the value of O(platform).
    type: str
  version:
    description:
      - Kubernetes version, as V(1.36). Where it is not given, a new cluster gets V(1.36), and an existing one keeps its
        own.
      - A version below the cluster's is refused, since the collection never downgrades a control plane.
    type: str
  iam_role:
    description:
      - Name of the cluster's IAM role. Required when O(state=present).
      - EKS cannot change it on an existing cluster.
    type: str
  subnets:
    description:
      - At least two subnets of the platform's VPC, in different zones. Required when O(state=present).
      - Each is written as its IPv4 addresses, which never change, or as its Name tag.
      - EKS keeps a control plane in the zones that it was made in. Later, subnets of other zones are not given to it,
        and a zone that is not listed any more keeps its subnet, each with a warning.
    type: list
    elements: str
  security_groups:
    description:
      - Groups of M(entasis.engine.aws_security_groups) for the control plane's interfaces, by the names that they have
        there, besides the group that EKS makes itself.
    type: list
    elements: str
    default: []
  endpoint_private_access:
    description: Whether the API server is reachable inside the VPC.
    type: bool
    default: true
  endpoint_public_access:
    description: Whether the API server is reachable from outside.
    type: bool
    default: true
  public_access_cidrs:
    description:
      - Networks that reach the public endpoint. Only compared while O(endpoint_public_access=true).
      - With O(endpoint_private_access=false) nodes come this way too, so that the addresses of their NAT gateways must
        be among these networks.
    type: list
    elements: str
    default: [0.0.0.0/0]
  logging:
    description: Logs of the control plane that go to CloudWatch; those not named are off.
    type: list
    elements: str
    choices: [api, audit, authenticator, controllerManager, scheduler]
    default: []
  authentication_mode:
    description:
      - How callers are let in, by access entries, or by access entries and the aws-auth ConfigMap.
      - EKS moves only from C(CONFIG_MAP) over V(API_AND_CONFIG_MAP) to V(API), one step at a time; a step back is
        refused.
    type: str
    choices: [API, API_AND_CONFIG_MAP]
    default: API
  creator_admin:
    description:
      - Whether the caller that creates the cluster becomes its administrator. Only used at creation, and never shown by
        EKS later.
    type: bool
    default: true
  encryption_key:
    description:
      - Id, ARN or alias of the KMS key that encrypts the cluster's secrets.
      - A cluster without a key gets it. A change is refused, since EKS cannot make it. Where the option is not given,
        the cluster keeps what it has.
    type: str
  service_cidr:
    description: Network of the Kubernetes services. EKS chooses one where it is not given, and cannot change it later.
    type: str
  deletion_protection:
    description:
      - Whether EKS refuses to delete the cluster. Left as it is where the option is not given.
      - While it is on, O(state=absent) is refused; it must be turned off by a run of its own.
    type: bool
  upgrade_policy:
    description:
      - What becomes of the cluster when the standard support of its version ends. V(STANDARD) lets EKS upgrade it then;
        V(EXTENDED) keeps it for longer, at a higher price for each hour.
      - Left as it is where the option is not given; EKS makes a new cluster V(EXTENDED).
    type: str
    choices: [STANDARD, EXTENDED]
  wait:
    description:
      - Whether to wait until a new cluster is active and until a deleted one is gone. Updates are always waited for.
    type: bool
    default: true
  wait_timeout:
    description: Seconds to wait for one operation. What takes longer goes on at AWS, and a new run goes on from there.
    type: int
    default: 1800
extends_documentation_fragment:
  - amazon.aws.common.modules
  - amazon.aws.region.modules
  - amazon.aws.boto3
  - entasis.engine.attributes
  - entasis.engine.progress
  - entasis.engine.aws
"""

EXAMPLES = r"""
- name: Reconcile the cluster
  entasis.engine.eks_cluster:
    platform: entasis
    role: eks_cluster
    region: ap-northeast-2
    version: "1.36"
    iam_role: entasis-eks-cluster
    subnets: [entasis-private-a, entasis-private-c]
    public_access_cidrs: [203.0.113.0/24]
    logging: [api, audit]
    deletion_protection: true

- name: Remove the cluster, once its node pools are gone and its deletion protection is off
  entasis.engine.eks_cluster:
    platform: entasis
    role: eks_cluster
    region: ap-northeast-2
    state: absent
"""

RETURN = r"""
changes:
  description: The changes that were made, or in check mode would be made, in their order. An update has its part.
  returned: always
  type: list
  elements: dict
  sample: [{action: update, kind: eks_cluster, name: entasis, part: version 1.36}]
cluster:
  description:
    - The cluster after the run. Null when O(state=absent).
    - What AWS gives only when the cluster is made is V((known after apply\)) in check mode on an empty account.
  returned: success
  type: dict
  contains:
    name: {description: Name., type: str}
    arn: {description: ARN., type: str}
    status: {description: "Status, as V(ACTIVE).", type: str}
    version: {description: Kubernetes version., type: str}
    platform_version: {description: "EKS's own version of the control plane, as V(eks.7).", type: str}
    endpoint: {description: URL of the API server., type: str}
    certificate_authority: {description: "Certificate of the API server's authority, base64. It is public.", type: str}
    oidc_issuer: {description: URL of the issuer of service account tokens., type: str}
    vpc_id: {description: Id of the VPC., type: str}
    cluster_security_group_id:
      description: Id of the security group that EKS made for the control plane and the nodes.
      type: str
    health_issues:
      description: What EKS says is wrong with the cluster, each with what to do.
      type: list
      elements: str
    tags: {description: Tags., type: dict}
"""

from ansible_collections.entasis.engine.plugins.module_utils._aws.eks.cluster.run import EksCluster
from ansible_collections.entasis.engine.plugins.module_utils._aws.run import run


def main() -> None:
    run(EksCluster, DOCUMENTATION, required_if=[("state", "present", ["iam_role", "subnets"])])


if __name__ == "__main__":
    main()
