# Copyright (c) 2026, Entasis Engine contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Which AWS call an HTTP request is: the service, the operation, the region and the access key."""

from __future__ import annotations

import io
import re
import threading
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import parse_qs

from botocore.exceptions import UnknownServiceError
from moto.core.model import ServiceModel
from moto.core.request import Request
from moto.core.routing import get_service_router
from moto.core.utils import get_service_model
from werkzeug.exceptions import HTTPException

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment

UNKNOWN = "Unknown"

#: botocore's name of a service, where it is not the name by which requests are signed.
_MODEL_NAMES = {
    "elasticloadbalancing": "elbv2",
    "email": "ses",
    "monitoring": "cloudwatch",
    "states": "stepfunctions",
    "tagging": "resourcegroupstaggingapi",
}
_READS = ("BatchGet", "Describe", "Get", "Head", "List", "Lookup", "Query", "Scan", "Search", "Select", "Simulate")
_CREDENTIAL = re.compile(r"Credential=([^/,\s]+)/\d{8}/([^/,\s]+)/([^/,\s]+)/aws4_request")
_RPC_PATH = re.compile(r"^/service/[^/]+/operation/([^/]+)$")


@dataclass(frozen=True)
class Call:
    """One AWS call. C(service) is the name by which it was signed (C(ec2), C(eks), C(elasticloadbalancing), …)."""

    service: str
    operation: str
    region: str
    access_key_id: str

    @property
    def is_read(self) -> bool:
        """Whether the call leaves the account as it was, judged by its name."""
        return self.operation.startswith(_READS)

    @property
    def model(self) -> ServiceModel:
        """botocore's description of the service.

        Raises:
            botocore.exceptions.UnknownServiceError: botocore does not know the service.
        """
        return get_service_model(_MODEL_NAMES.get(self.service, self.service))


def recognise(environ: WSGIEnvironment) -> Call | None:
    """The AWS call that a request is; None when it carries no signature of version 4.

    A presigned URL gets the Authorization header that it stands for, because moto finds the service only there.
    """
    authorization = environ.get("HTTP_AUTHORIZATION", "")
    query = parse_qs(environ.get("QUERY_STRING", ""))
    if not authorization and "X-Amz-Credential" in query:
        authorization = (
            f"AWS4-HMAC-SHA256 Credential={query['X-Amz-Credential'][0]}, SignedHeaders=host, Signature=none"
        )
        environ["HTTP_AUTHORIZATION"] = authorization
    credential = _CREDENTIAL.search(authorization)
    if credential is None:
        return None
    access_key_id, region, service = credential.groups()
    service = service.lower()
    return Call(service, _operation(environ, service, query), region, access_key_id)


def _operation(environ: WSGIEnvironment, service: str, query: dict[str, list[str]]) -> str:
    target = environ.get("HTTP_X_AMZ_TARGET", "")
    if target:
        return target.rpartition(".")[2]
    if environ.get("CONTENT_TYPE", "").startswith("application/x-www-form-urlencoded"):
        form = parse_qs(read_body(environ).decode("utf-8", "replace"))
        if "Action" in form:
            return form["Action"][0]
    if "Action" in query:
        return query["Action"][0]
    rpc = _RPC_PATH.match(environ.get("PATH_INFO", ""))
    if rpc:
        return rpc.group(1)
    try:
        operation, _parameters = get_service_router(_MODEL_NAMES.get(service, service)).match(Request(environ))
    except (HTTPException, LookupError, NotImplementedError, UnknownServiceError, ValueError):
        return UNKNOWN
    return operation.name


def read_body(environ: WSGIEnvironment) -> bytes:
    """The whole body of a request, which stays readable for whoever handles the request after this."""
    try:
        length = int(environ.get("CONTENT_LENGTH") or 0)
    except ValueError:
        length = 0
    body = environ["wsgi.input"].read(length) if length else b""
    environ["wsgi.input"] = io.BytesIO(body)
    return body


class CallCounter:
    """How often each operation of each service was called since the last reset. Safe for threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._counts: Counter[tuple[str, str]] = Counter()

    def count(self, call: Call) -> None:
        with self._lock:
            self._counts[call.service, call.operation] += 1

    def reset(self) -> None:
        with self._lock:
            self._counts.clear()

    def report(self) -> dict[str, object]:
        """C(total), and C(calls): service -> operation -> number of calls."""
        with self._lock:
            counts = sorted(self._counts.items())
        calls: dict[str, dict[str, int]] = {}
        for (service, operation), number in counts:
            calls.setdefault(service, {})[operation] = number
        return {"total": sum(number for _key, number in counts), "calls": calls}
