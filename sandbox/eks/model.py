# Copyright (c) 2026, Entasis Engine contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The EKS service model of botocore, read from the server's side: routes, parameters, validation, errors."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from functools import cache
from typing import Any
from urllib.parse import parse_qs, unquote

import botocore.session
from botocore.model import OperationModel, Shape

Parameters = dict[str, Any]


class EksError(Exception):
    """An error of the EKS API: its code, its message and the modelled members that name what it is about."""

    def __init__(self, code: str, message: str, **members: Any) -> None:
        super().__init__(f"{code}: {message}")
        self.code = code
        self.message = message
        self.members = members

    @property
    def status(self) -> int:
        """The HTTP status: the model's, 400 for an error that the model does not hold."""
        model = _service()
        if self.code not in model.shape_names:
            return _STATUS.get(self.code, 400)
        return int(model.shape_for(self.code).metadata.get("error", {}).get("httpStatusCode", 400))

    def body(self) -> Parameters:
        return {"message": self.message, **self.members}


#: Errors that every AWS API can answer and no model holds.
_STATUS = {"NotImplemented": 501, "UnknownOperationException": 404, "UnrecognizedClientException": 403}


def invalid(message: str, **members: Any) -> EksError:
    return EksError("InvalidParameterException", message, **members)


def not_found(message: str, **members: Any) -> EksError:
    return EksError("ResourceNotFoundException", message, **members)


def in_use(message: str, **members: Any) -> EksError:
    return EksError("ResourceInUseException", message, **members)


def refused(message: str, **members: Any) -> EksError:
    return EksError("InvalidRequestException", message, **members)


@cache
def _service() -> Any:
    return botocore.session.get_session().get_service_model("eks")


@cache
def _routes() -> list[tuple[str, re.Pattern[str], str]]:
    """Method, pattern of the still quoted path, operation; paths with fewer placeholders first."""
    routes = []
    for name in _service().operation_names:
        http = _service().operation_model(name).http
        template = http["requestUri"]
        pattern = re.sub(r"\\\{(\w+)\\\}", r"(?P<\1>[^/]+)", re.escape(template))
        routes.append((template.count("{"), http["method"], re.compile(f"^{pattern}/?$"), name))
    return [(method, pattern, name) for _count, method, pattern, name in sorted(routes, key=lambda r: (r[0], r[3]))]


def route(method: str, path: str) -> tuple[str, dict[str, str]] | None:
    """The operation of a request and the placeholders of its path, or None where EKS has no such route.

    C(path) is the path as it was sent: an ARN in it is quoted, its slashes too.
    """
    for verb, pattern, name in _routes():
        if verb == method and (match := pattern.match(path)):
            return name, {key: unquote(value) for key, value in match.groupdict().items()}
    return None


def parameters(operation: str, uri: Mapping[str, str], query: str, body: bytes) -> Parameters:
    """What a request says, under the names that boto3 uses; checked against the model.

    Raises:
        EksError: the body is not a JSON object, or the parameters break the model.
    """
    shape = _service().operation_model(operation).input_shape
    values: Parameters = {}
    if body:
        try:
            content = json.loads(body)
        except ValueError:
            content = None
        if not isinstance(content, dict):
            raise EksError("SerializationException", "the request's body is not a JSON object")
        values.update({key: value for key, value in content.items() if key in shape.members and value is not None})
    asked = parse_qs(query, keep_blank_values=True)
    for name, member in shape.members.items():
        location = member.serialization.get("location")
        wire = member.serialization.get("name", name)
        if location == "uri" and wire in uri:
            values[name] = uri[wire]
        elif location == "querystring" and wire in asked:
            values[name] = _from_query(asked[wire], member)
    problems = list(_problems(values, shape, ""))
    if problems:
        raise invalid("; ".join(problems))
    return values


def _from_query(texts: list[str], shape: Shape) -> Any:
    if shape.type_name == "list":
        return texts
    text = texts[-1]
    if shape.type_name == "boolean":
        return {"true": True, "false": False}.get(text.lower(), text)
    if shape.type_name in ("integer", "long"):
        return int(text) if re.fullmatch(r"-?\d+", text) else text
    return text


_TYPES: dict[str, tuple[type[Any], ...]] = {
    "structure": (dict,),
    "map": (dict,),
    "list": (list,),
    "string": (str,),
    "boolean": (bool,),
    "integer": (int,),
    "long": (int,),
    "float": (int, float),
    "double": (int, float),
    "timestamp": (int, float, str),
}


def _problems(value: Any, shape: Any, path: str) -> list[str]:
    """Everything in C(value) that the model forbids, each as one sentence that names the parameter."""
    name = path or "request"
    expected = _TYPES[shape.type_name]
    if not isinstance(value, expected) or (isinstance(value, bool) and bool not in expected):
        return [f"{name}: expected {shape.type_name}, got {type(value).__name__}"]
    problems = []
    if shape.type_name == "structure":
        problems += [f"{_join(path, key)}: missing" for key in shape.required_members if key not in value]
        for key, child in value.items():
            if key in shape.members:
                problems += _problems(child, shape.members[key], _join(path, key))
    elif shape.type_name == "map":
        for key, child in value.items():
            problems += _problems(key, shape.key, f"{path} key {key!r}")
            problems += _problems(child, shape.value, _join(path, key))
    elif shape.type_name == "list":
        for index, child in enumerate(value):
            problems += _problems(child, shape.member, f"{path}[{index}]")
    return problems + _limits(value, shape, name)


def _limits(value: Any, shape: Any, name: str) -> list[str]:
    problems = []
    allowed = getattr(shape, "enum", None)
    if allowed and value not in allowed:
        problems.append(f"{name}: {value!r} is not one of {', '.join(allowed)}")
    size = (
        value if shape.type_name in ("integer", "long") else len(value) if isinstance(value, str | list | dict) else 0
    )
    if "min" in shape.metadata and size < shape.metadata["min"]:
        problems.append(f"{name}: {_shown(value)} is below the minimum {shape.metadata['min']}")
    if "max" in shape.metadata and size > shape.metadata["max"]:
        problems.append(f"{name}: {_shown(value)} is above the maximum {shape.metadata['max']}")
    pattern = shape.metadata.get("pattern")
    if pattern and isinstance(value, str) and not re.search(pattern, value):
        problems.append(f"{name}: {value!r} does not match {pattern}")
    return problems


def _shown(value: Any) -> str:
    return str(value) if isinstance(value, int) else f"the length {len(value)}"


def _join(path: str, key: str) -> str:
    return f"{path}.{key}" if path else str(key)


def operation(name: str) -> OperationModel:
    model: OperationModel = _service().operation_model(name)
    return model


def snake_case(name: str) -> str:
    """CreateNodegroup as create_nodegroup."""
    return re.sub(r"(?<!^)(?=[A-Z])", "_", name).lower()
