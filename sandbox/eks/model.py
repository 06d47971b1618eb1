# Copyright (c) 2026, Entasis Engine contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The EKS service model of botocore, read from the server's side: parameters, their limits, errors."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from botocore.validate import ParamValidator
from moto.core.parse import RestJSONParser
from moto.core.request import Request
from moto.core.routing import get_service_router
from moto.core.utils import get_service_model
from werkzeug.exceptions import HTTPException

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment

Parameters = dict[str, Any]

#: Errors that every AWS API can answer and no model holds.
_STATUS = {"NotImplemented": 501, "UnknownOperationException": 404}


class EksError(Exception):
    """An error of the EKS API: its code and its message."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(f"{code}: {message}")
        self.code = code
        self.message = message

    @property
    def status(self) -> int:
        """The HTTP status: the model's, 400 for an error that the model does not hold."""
        model = get_service_model("eks")
        if self.code not in model.shape_names:
            return _STATUS.get(self.code, 400)
        return int(model.shape_for(self.code).metadata.get("error", {}).get("httpStatusCode", 400))


def invalid(message: str) -> EksError:
    return EksError("InvalidParameterException", message)


def not_found(message: str) -> EksError:
    return EksError("ResourceNotFoundException", message)


def in_use(message: str) -> EksError:
    return EksError("ResourceInUseException", message)


def refused(message: str) -> EksError:
    return EksError("InvalidRequestException", message)


def read(environ: WSGIEnvironment) -> tuple[str, Parameters]:
    """The operation of a request, and what it says under the names that boto3 uses.

    Raises:
        EksError: EKS has no such operation, or the parameters break the model.
    """
    request = Request(environ)
    # Read before anything can fail: what is left unread would be taken for the connection's next request.
    body = request.get_data()
    try:
        operation, placeholders = get_service_router("eks").match(request)
    except HTTPException as error:
        raise EksError("UnknownOperationException", f"EKS has no {request.method} {request.raw_path}") from error
    values = RestJSONParser(operation).parse(
        {
            "method": request.method,
            "values": request.values,
            "headers": request.headers,
            "body": body,
            "url_path": request.path,
            "url_params": placeholders,
        }
    )
    report = ParamValidator().validate(values, operation.input_shape)
    if report.has_errors():
        raise invalid(report.generate_report())
    if problems := list(_beyond_limits(values, operation.input_shape, operation.name)):
        raise invalid("; ".join(problems))
    return operation.name, values


def _beyond_limits(value: Any, shape: Any, name: str) -> Iterator[str]:
    """What the model forbids and botocore's own validation, which every client makes too, lets through."""
    if shape.type_name == "structure":
        for key, member in value.items():
            yield from _beyond_limits(member, shape.members[key], f"{name}.{key}")
    elif shape.type_name == "map":
        for key, member in value.items():
            yield from _beyond_limits(key, shape.key, f"{name} key {key!r}")
            yield from _beyond_limits(member, shape.value, f"{name}.{key}")
    elif shape.type_name == "list":
        for index, member in enumerate(value):
            yield from _beyond_limits(member, shape.member, f"{name}[{index}]")
    limits = shape.metadata
    size = len(value) if isinstance(value, str | list | dict) else value
    if "max" in limits and size > limits["max"]:
        yield f"{name}: {size} is above the maximum {limits['max']}"
    if shape.type_name == "string" and shape.enum and value not in shape.enum:
        yield f"{name}: {value!r} is not one of {', '.join(shape.enum)}"
    if "pattern" in limits and not re.search(limits["pattern"], value):
        yield f"{name}: {value!r} does not match {limits['pattern']}"
