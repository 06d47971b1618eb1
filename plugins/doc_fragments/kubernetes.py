# Copyright (c) 2026, Entasis Engine contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The options by which the collection's Kubernetes modules find their cluster."""

from __future__ import annotations


class ModuleDocFragment:
    DOCUMENTATION = r"""
options:
  kubeconfig:
    description:
      - Path of the kubeconfig file. Several files may be named with V(:) between them.
      - Without it, the environment variables E(K8S_AUTH_KUBECONFIG) and E(KUBECONFIG) are looked at, then
        C(~/.kube/config). The account of a pod that Ansible may be running in is never used.
      - Where the file or the context is absent there is no cluster yet. Check mode then plans everything as new; a real
        run fails and says so.
    type: path
  context:
    description:
      - Name of the context in the kubeconfig.
      - Without it, the environment variable E(K8S_AUTH_CONTEXT) is looked at, then the file's current context.
    type: str
requirements:
  - "Python package C(kubernetes) >= 31.0"
  - "a cluster of Kubernetes 1.30 or later"
"""
