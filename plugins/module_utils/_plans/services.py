# Copyright (c) 2026, Entasis Engine contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# PRIVATE to the collection: may change without notice.

"""The plan of the platform's own services: their Kubernetes manifests. The manifest of trading-api is made here."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ansible_collections.entasis.engine.plugins.module_utils._ownership import PLATFORM_TAG
from ansible_collections.entasis.engine.plugins.module_utils._plans.common import Plan
from ansible_collections.entasis.engine.plugins.module_utils._plans.kubernetes_layer import a_set, kubernetes_layer
from ansible_collections.entasis.engine.plugins.module_utils._spec.platform import Platform
from ansible_collections.entasis.engine.plugins.module_utils._spec.services import (
    HTTP_PORT,
    Autoscaling,
    Egress,
    Service,
    ServiceNetworkPolicy,
)

#: Seconds that all services together may take until they are ready: an image of some GiB, on a node that starts first.
_WAIT_TIMEOUT = 600

METRICS_PORT = "metrics"
#: The namespace whose pods read the metrics.
MONITORING_NAMESPACE = "monitoring"
#: Kubernetes itself gives every namespace this label with its name.
_NAMESPACE_LABEL = "kubernetes.io/metadata.name"


def services_plan(platform: Platform) -> Plan:
    """One set of objects, in which a service that left the spec is told from those of others."""
    namespaces = dict.fromkeys(service.namespace for service in platform.services)
    objects = [
        *(_namespace(namespace, platform.name) for namespace in namespaces),
        *(manifest for service in platform.services for manifest in manifests(service, platform.name)),
    ]
    return kubernetes_layer(
        platform, "services", sets=[a_set(platform, "services", objects, wait_timeout=_WAIT_TIMEOUT)]
    )


def manifests(service: Service, platform: str) -> list[Plan]:
    """The objects of one service."""
    objects = [_deployment(service)]
    if service.ports:
        objects.append(_service(service))
    if service.autoscaling:
        objects.append(_autoscaler(service, service.autoscaling))
    if service.network_policy:
        objects.append(_network_policy(service, service.network_policy))
    if service.replicas > 1:
        objects.append(_disruption_budget(service))
    labels = {"app": service.name, PLATFORM_TAG: platform}
    return [
        {
            "apiVersion": version,
            "kind": kind,
            "metadata": {"name": name, "namespace": service.namespace, "labels": labels},
            "spec": spec,
        }
        for version, kind, name, spec in objects
    ]


#: apiVersion, kind, name and spec of an object.
Manifest = tuple[str, str, str, Plan]


def _namespace(name: str, platform: str) -> Plan:
    return {
        "apiVersion": "v1",
        "kind": "Namespace",
        "metadata": {"name": name, "labels": {PLATFORM_TAG: platform}},
    }


def _selector(service: Service) -> Plan:
    return {"matchLabels": {"app": service.name}}


def _deployment(service: Service) -> Manifest:
    spread = {
        "maxSkew": 1,
        "topologyKey": "topology.kubernetes.io/zone",
        "whenUnsatisfiable": "ScheduleAnyway",
        "labelSelector": _selector(service),
    }
    spec = {
        "replicas": service.replicas,
        "selector": _selector(service),
        "template": {
            "metadata": {"labels": {"app": service.name}, **_scrape_annotations(service)},
            "spec": {
                **({"nodeSelector": dict(service.node_selector)} if service.node_selector else {}),
                "topologySpreadConstraints": [spread],
                "containers": [_container(service)],
            },
        },
    }
    return "apps/v1", "Deployment", service.name, spec


def _scrape_annotations(service: Service) -> Plan:
    """What the document's job kubernetes-pods keeps a pod by."""
    if METRICS_PORT not in service.ports:
        return {}
    annotations = {"prometheus.io/scrape": "true", "prometheus.io/port": str(service.ports[METRICS_PORT])}
    return {"annotations": annotations}


def _container(service: Service) -> Plan:
    environment = [{"name": name, "value": text} for name, text in service.environment.items()]
    return {
        "name": service.name,
        "image": service.image,
        "ports": [{"name": name, "containerPort": port, "protocol": "TCP"} for name, port in service.ports.items()],
        **({"env": environment} if environment else {}),
        "resources": {
            "requests": _quantities(service.resources.requests),
            "limits": _quantities(service.resources.limits),
        },
    }


def _quantities(amounts: Mapping[str, int | str]) -> dict[str, str]:
    """As texts, which quantities are in the API: it takes a number only as a shorthand."""
    return {name: str(amount) for name, amount in amounts.items()}


def _service(service: Service) -> Manifest:
    ports = [
        {"name": name, "port": port, "targetPort": name, "protocol": "TCP"} for name, port in service.ports.items()
    ]
    spec = {"type": "ClusterIP", "selector": {"app": service.name}, "ports": ports}
    return "v1", "Service", service.name, spec


def _autoscaler(service: Service, scaling: Autoscaling) -> Manifest:
    target = {"type": "Utilization", "averageUtilization": scaling.cpu_utilization}
    spec = {
        "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": service.name},
        "minReplicas": scaling.min_replicas,
        "maxReplicas": scaling.max_replicas,
        "metrics": [{"type": "Resource", "resource": {"name": "cpu", "target": target}}],
    }
    return "autoscaling/v2", "HorizontalPodAutoscaler", f"{service.name}-hpa", spec


def _network_policy(service: Service, policy: ServiceNetworkPolicy) -> Manifest:
    spec = {
        "podSelector": _selector(service),
        "policyTypes": ["Ingress", "Egress"],
        "ingress": [*_client_rules(service, policy), *_metrics_rules(service)],
        "egress": [_dns_rule(), *(_egress_rule(egress) for egress in policy.egress)],
    }
    return "networking.k8s.io/v1", "NetworkPolicy", policy.name, spec


def _disruption_budget(service: Service) -> Manifest:
    """One pod away at a time while nodes are replaced."""
    return "policy/v1", "PodDisruptionBudget", service.name, {"maxUnavailable": 1, "selector": _selector(service)}


def _client_rules(service: Service, policy: ServiceNetworkPolicy) -> list[Plan]:
    if not policy.clients:
        return []
    peers = [{"podSelector": {"matchLabels": dict(labels)}} for labels in policy.clients]
    return [{"from": peers, "ports": [_tcp(service.ports[HTTP_PORT])]}]


def _metrics_rules(service: Service) -> list[Plan]:
    """Without this the document's own job trading-metrics could not read trading-api:9090."""
    if METRICS_PORT not in service.ports:
        return []
    monitoring = {"namespaceSelector": {"matchLabels": {_NAMESPACE_LABEL: MONITORING_NAMESPACE}}}
    return [{"from": [monitoring], "ports": [_tcp(service.ports[METRICS_PORT])]}]


def _dns_rule() -> Plan:
    """To the cluster's DNS, without which a service finds no other by name."""
    dns = {
        "namespaceSelector": {"matchLabels": {_NAMESPACE_LABEL: "kube-system"}},
        "podSelector": {"matchLabels": {"k8s-app": "kube-dns"}},
    }
    return {"to": [dns], "ports": [{"protocol": "UDP", "port": 53}, _tcp(53)]}


def _egress_rule(egress: Egress) -> Plan:
    return {"to": [{"ipBlock": {"cidr": egress.cidr}}], "ports": [_tcp(port) for port in egress.ports]}


def _tcp(port: int) -> dict[str, Any]:
    return {"protocol": "TCP", "port": port}
