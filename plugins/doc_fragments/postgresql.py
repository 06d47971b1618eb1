# Copyright (c) 2026, Entasis Engine contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The options by which the collection's data modules reach their database, see _postgresql/connection.py."""

from __future__ import annotations


class ModuleDocFragment:
    DOCUMENTATION = r"""
options:
  login_user:
    description:
      - The user to log in as.
      - Without it, the environment variable E(PGUSER) is looked at.
    type: str
    default: postgres
  login_password:
    description:
      - The password of the user. It is shown nowhere.
      - Without it, the environment variable E(PGPASSWORD) is looked at, and then what libpq looks at, such as
        C(~/.pgpass).
    type: str
    default: ''
  login_host:
    description:
      - The host that the database runs on. Without it, the local socket is used.
      - With O(kube_port_forward) it is not connected to. It is then the name that the server's certificate must have
        where O(ssl_mode=verify-full), and C(<service>.<namespace>.svc) without it.
    type: str
    default: ''
  login_unix_socket:
    description: The folder of the local socket, used where O(login_host) is empty or V(localhost).
    type: str
    default: ''
  login_port:
    description:
      - The port of the database. With O(kube_port_forward), its O(kube_port_forward.port) counts instead.
      - Without it, the environment variable E(PGPORT) is looked at.
    type: int
    default: 5432
  login_db:
    description:
      - The database to connect to. Unlike community.postgresql, none is chosen where it is not said, because what these
        modules do is not to happen in a database that nobody named.
      - Without it, the environment variable E(PGDATABASE) is looked at.
    type: str
    required: true
  ssl_mode:
    description:
      - Whether the connection is protected by TLS, and what of the server's certificate is verified.
      - The modes are explained in U(https://www.postgresql.org/docs/current/libpq-ssl.html).
    type: str
    choices: [allow, disable, prefer, require, verify-ca, verify-full]
    default: prefer
  ca_cert:
    description: File with the certificates of the authorities that may have signed the server's certificate.
    type: path
    aliases: [ssl_rootcert]
  ssl_cert:
    description: File with the certificate of the client.
    type: path
  ssl_key:
    description: File with the key of the client's certificate.
    type: path
  connect_params:
    description:
      - Further parameters of libpq, such as C(keepalives_idle). They take precedence over the other options.
      - A C(password) is refused, because Ansible writes this option to the log of the module's host. The values of
        C(sslpassword) and of the other secrets of libpq are left out of the result, but stand in that log unless the
        task has C(no_log).
      - A server that does not answer is given up after C(connect_timeout), 10 seconds without it.
    type: dict
    default: {}
  session_role:
    description: A role to become (C(SET ROLE)) after the login. The user has to be a member of it.
    type: str
  kube_port_forward:
    description:
      - Reaches a database inside a Kubernetes cluster through the cluster's API server, as C(kubectl port-forward)
        does, so that it needs neither a bastion nor an address outside of the cluster.
      - TLS and the check of the server's certificate stay as they are, see O(login_host).
      - A pod that is ready is chosen when the task begins. The module listens on a free port of the loopback address
        for as long as the task lasts; other users of that host can connect to it too, and have to log in as everybody.
      - The caller needs, in that namespace, the verbs get on services and list on pods (get on pods where
        O(kube_port_forward.pod) is given), and get and create on pods/portforward.
      - Where the cluster, the service or the pod does not exist yet, check mode plans everything as new.
      - O(login_port) and O(login_unix_socket) are not used with it.
    type: dict
    suboptions:
      namespace:
        description: Namespace of the service or the pod.
        type: str
        required: true
      service:
        description: Name of the service. One of O(kube_port_forward.service) and O(kube_port_forward.pod) is needed.
        type: str
      pod:
        description: Name of the pod.
        type: str
      port:
        description: The port of the service, or of the named pod, by its number or its name.
        type: str
        default: '5432'
      cluster:
        description: Name of the EKS cluster, which then needs no kubeconfig. Not together with one.
        type: str
      region:
        description:
          - The AWS region of O(kube_port_forward.cluster).
          - Without it, the environment variables E(AWS_REGION) and E(AWS_DEFAULT_REGION) are looked at.
        type: str
      profile:
        description: The profile of the AWS configuration that O(kube_port_forward.cluster) is reached with.
        type: str
      endpoint_url:
        description: URL of the AWS API, in place of that of the region.
        type: str
      account:
        description: Number of the AWS account that O(kube_port_forward.cluster) is in. In any other, the module fails.
        type: str
      kubeconfig:
        description:
          - Path of the kubeconfig file. Several files may be named with V(:) between them.
          - Without it, the environment variables E(K8S_AUTH_KUBECONFIG) and E(KUBECONFIG) are looked at, then
            C(~/.kube/config).
        type: path
      context:
        description:
          - Name of the context in the kubeconfig.
          - Without it, the environment variable E(K8S_AUTH_CONTEXT) is looked at, then the file's current context.
        type: str
requirements:
  - "Python package C(psycopg) >= 3.1, or C(psycopg2) >= 2.7"
  - "Python package C(kubernetes) >= 31.0, for O(kube_port_forward)"
"""
