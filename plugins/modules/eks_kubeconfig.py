#!/usr/bin/python
# Copyright (c) 2026, Entasis Engine contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: eks_kubeconfig
version_added: 0.1.0
short_description: Keep a context for an EKS cluster in a kubeconfig
author: Entasis Engine contributors (@entasis-engine)
description:
  - Writes the cluster, user and context of an EKS cluster into a kubeconfig, each under the name of the context.
  - The user is C(aws eks get-token), so that the file holds no secret. It records the names that the AWS CLI needs to
    find the same account - E(AWS_PROFILE), E(AWS_CONFIG_FILE), E(AWS_SHARED_CREDENTIALS_FILE), E(AWS_ENDPOINT_URL) and
    E(AWS_CA_BUNDLE), where the module's environment or options have them - and never a key.
  - O(access_key), O(secret_key) and O(session_token) given as options are refused, since they would not reach kubectl.
    Use O(profile), or the environment.
  - All other entries of the file stay as they are. The file is replaced in one step and only its owner can read it.
    Comments in it are lost when it is written.
  - The context becomes the current one where the file has none.
options:
  cluster:
    description: Name of the cluster. In check mode it may be missing.
    type: str
    required: true
  account:
    description:
      - Number of the AWS account that the cluster is in. In any other, the module fails before it reads anything.
    type: str
  path:
    description: The kubeconfig. A missing folder is made, for its owner alone.
    type: path
    required: true
  context:
    description: Name of the context. The default is the value of O(cluster).
    type: str
  missing_cluster:
    description:
      - What check mode does where the cluster does not exist yet. A real run fails.
      - V(plan) plans the context with placeholders, for whoever makes the cluster in the same run.
      - V(ignore) plans nothing, for whoever only uses the cluster.
    type: str
    choices: [plan, ignore]
    default: plan
  state:
    description:
      - V(present) keeps the context in the file.
      - V(absent) takes it out, and removes the file where nothing else is in it. AWS is not asked.
    type: str
    choices: [present, absent]
    default: present
requirements:
  - PyYAML
  - the AWS CLI, on E(PATH) or beside the Python interpreter
extends_documentation_fragment:
  - amazon.aws.common.modules
  - amazon.aws.region.modules
  - amazon.aws.boto3
  - entasis.engine.attributes
"""

EXAMPLES = r"""
- name: Keep the platform's context in the kubeconfig
  entasis.engine.eks_kubeconfig:
    region: ap-northeast-2
    cluster: entasis
    path: ~/.kube/config
"""

RETURN = r"""
changes:
  description:
    - The changes that were made, or in check mode would be made. The part says what changes besides the entries,
      V(file mode) or V(form).
  returned: always
  type: list
  elements: dict
  sample: [{action: update, kind: kubeconfig_context, name: entasis, part: file mode}]
path:
  description: Absolute path of the file.
  returned: success
  type: str
context:
  description: Name of the context.
  returned: success
  type: str
"""

from ansible_collections.entasis.engine.plugins.module_utils._aws.eks.kubeconfig import EksKubeconfig
from ansible_collections.entasis.engine.plugins.module_utils._aws.run import run


def main() -> None:
    run(EksKubeconfig, DOCUMENTATION)


if __name__ == "__main__":
    main()
