# Copyright (c) 2026, Entasis Engine contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The options by which the collection's Kubernetes modules find their cluster."""

from __future__ import annotations


class ModuleDocFragment:
    DOCUMENTATION = r"""
options:
  cluster:
    description:
      - Name of the EKS cluster. Its address is read from AWS, and a token is made in the module, so that neither a
        kubeconfig nor the AWS CLI is needed. The caller needs the right C(eks:DescribeCluster), and an access entry of
        the cluster.
      - Where the cluster does not exist yet or is being made, check mode plans everything as new; a real run fails and
        says so.
      - Not together with O(kubeconfig) or O(context).
    type: str
  region:
    description:
      - The AWS region of O(cluster).
      - Without it, the environment variables E(AWS_REGION) and E(AWS_DEFAULT_REGION) are looked at, then the profile.
    type: str
  profile:
    description:
      - The profile of the AWS configuration that O(cluster) is reached with.
      - Without it, credentials are looked for in the places that the AWS CLI knows, E(AWS_PROFILE) first.
    type: str
  endpoint_url:
    description: URL of the AWS API, in place of that of the region. Without it, E(AWS_ENDPOINT_URL) is looked at.
    type: str
  account:
    description:
      - Number of the AWS account that O(cluster) is in. In any other, the module fails before it asks the cluster.
    type: str
  kubeconfig:
    description:
      - Path of the kubeconfig file. Several files may be named with V(:) between them.
      - Without it and without O(cluster), the environment variables E(K8S_AUTH_KUBECONFIG) and E(KUBECONFIG) are looked
        at, then C(~/.kube/config). The account of a pod that Ansible may be running in is never used.
      - Where the file or the context is absent there is no cluster yet. Check mode then plans everything as new; a real
        run fails and says so.
    type: path
  context:
    description:
      - Name of the context in the kubeconfig.
      - Without it, the environment variable E(K8S_AUTH_CONTEXT) is looked at, then the file's current context.
    type: str
requirements:
  - "Python package C(kubernetes) >= 31.0, where a kubeconfig is used"
  - "Python package C(botocore) >= 1.34, where O(cluster) is used"
  - "a cluster of Kubernetes 1.30 or later"
"""
