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
    """The AWS call that a request is; None when it carries no signature of version 4."""
    credential = _CREDENTIAL.search(environ.get("HTTP_AUTHORIZATION", ""))
    if credential is None:
        return None
    access_key_id, region, service = credential.groups()
    service = service.lower()
    return Call(service, _operation(environ, service), region, access_key_id)


def _operation(environ: WSGIEnvironment, service: str) -> str:
    body = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
    environ["wsgi.input"] = io.BytesIO(body)
    try:
        router = get_service_router(_MODEL_NAMES.get(service, service))
        operation, _parameters = router.match(Request(environ, populate_request=False))
    except (HTTPException, LookupError, NotImplementedError, UnknownServiceError, ValueError):
        return UNKNOWN
    finally:
        # The body stays readable for whoever handles the request after this.
        environ["wsgi.input"] = io.BytesIO(body)
    return operation.name


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
