# Copyright (c) 2026, Entasis Engine contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Errors as each service of AWS puts them on the wire, so that botocore makes its ClientError of them."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING

from botocore.exceptions import UnknownServiceError
from moto.core.request import determine_request_protocol
from moto.core.serialize import SerializationContext, get_serializer_class
from werkzeug.wrappers import Response

from sandbox.aws.calls import Call

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment

#: What AWS answers when it throttles, by protocol: code, message and status.
_THROTTLES = {
    "ec2": ("RequestLimitExceeded", "Request limit exceeded.", 503),
    "query": ("Throttling", "Rate exceeded", 400),
    "rest-xml": ("SlowDown", "Please reduce your request rate.", 503),
    "json": ("ThrottlingException", "Rate exceeded", 400),
    "rest-json": ("ThrottlingException", "Rate exceeded", 429),
}


class _Error(Exception):
    """An error of no service of moto's, in the shape that moto's serializers read."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message


def throttled(call: Call, environ: WSGIEnvironment) -> Response:
    """The error with which the service of a call throttles."""
    try:
        protocol = _protocol(call, environ)
    except UnknownServiceError:
        protocol = "json"
    code, message, status = _THROTTLES.get(protocol, _THROTTLES["json"])
    return error_response(call, environ, code, message, status)


def error_response(call: Call, environ: WSGIEnvironment, code: str, message: str, status: int) -> Response:
    """An error as the service of a call puts it on the wire, so that botocore makes its ClientError of it."""
    try:
        model = call.model
    except UnknownServiceError:
        return Response(f"{code}: {message}\n", status=status, mimetype="text/plain")
    names = model.operation_names
    operation = model.operation_model(call.operation if call.operation in names else names[0])
    serializer = get_serializer_class(model.service_name, _protocol(call, environ))
    context = SerializationContext(request_id=str(uuid.uuid4()))
    answer = serializer(operation, context).serialize(_Error(code, message))
    return Response(answer["body"], status=status, headers=answer["headers"])


def _protocol(call: Call, environ: WSGIEnvironment) -> str:
    return determine_request_protocol(call.model, environ.get("CONTENT_TYPE"))
