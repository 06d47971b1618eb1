# Copyright (c) 2026, Entasis Engine contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The account's state on disk: moto's backends as one pickle, so that a killed server comes back as it was."""

from __future__ import annotations

import io
import marshal
import os
import pickle
import sys
import tempfile
from collections import defaultdict
from pathlib import Path
from types import FunctionType
from typing import Any

import moto
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from moto.core.base_backend import BackendDict, BaseBackend
from moto.iam.models import AWSManagedPolicy, iam_backends

#: Written in front of the state. A snapshot of another moto or Python is not read: its classes may be others.
_VERSION = f"1 moto {moto.__version__} python {sys.version_info.major}.{sys.version_info.minor}"

#: moto's backend class -> account -> region -> the attributes of that backend.
State = dict[type[BaseBackend], dict[str, dict[str, dict[str, Any]]]]


class SnapshotError(Exception):
    """A snapshot cannot be used. The message says why."""


def save(path: Path) -> dict[str, str]:
    """Write the state of every backend in use. The file is the old one or the new one, never a half.

    Returns:
        The services whose state cannot be written, each with the reason. All others are written.
    """
    state, left_out = _state(), {}
    try:
        content = _dump(state)
    except (pickle.PicklingError, TypeError, AttributeError):
        for backend_class in list(state):
            try:
                _dump({backend_class: state[backend_class]})
            except (pickle.PicklingError, TypeError, AttributeError) as error:
                left_out[_backends(backend_class).service_name] = str(error)
                del state[backend_class]
        content = _dump(state)
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    descriptor, temporary = tempfile.mkstemp(dir=path.parent, prefix=path.name)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
        Path(temporary).replace(path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise
    return left_out


def _dump(state: State) -> memoryview:
    content = io.BytesIO()
    pickle.dump(_VERSION, content)
    _Pickler(content, protocol=pickle.HIGHEST_PROTOCOL).dump(state)
    return content.getbuffer()


def load(path: Path) -> bool:
    """Bring back what C(save) wrote; False when there is nothing.

    Raises:
        SnapshotError: the file is of another version, or damaged. Nothing was brought back.
    """
    if not path.exists():
        return False
    with path.open("rb") as file:
        try:
            version = pickle.load(file)  # noqa: S301 - the file lies where the sandbox's own user alone can write
            if version != _VERSION:
                raise SnapshotError(f"{path} is of version {version!r}, and this is {_VERSION!r}")
            state: State = pickle.load(file)  # noqa: S301 - as above
        except (pickle.UnpicklingError, EOFError, AttributeError, ImportError, LookupError, TypeError) as error:
            raise SnapshotError(f"{path} cannot be read: {error}") from error
    for backend_class, accounts in state.items():
        for account, regions in accounts.items():
            for region, attributes in regions.items():
                _backend(backend_class, account, region).__dict__.update(attributes)
    return True


def _state() -> State:
    return {
        backends.backend: {
            account: {region: backend.__dict__ for region, backend in regions.items()}
            for account, regions in backends.items()
        }
        for backends in BackendDict._instances
    }


class _Pickler(pickle.Pickler):
    """Writes backends as references, so that whatever points at one finds the living one when it comes back.

    AWS's own 1,582 IAM policies are references too: they come with moto, and would be 4 MB of every snapshot.
    """

    def reducer_override(self, value: Any) -> Any:
        if isinstance(value, BaseBackend):
            return _backend, (type(value), value.account_id, value.region_name)
        if isinstance(value, AWSManagedPolicy):
            count = {"attachment_count": value.attachment_count}
            return _managed_policy, (value.account_id, value.partition, value.arn), count
        if isinstance(value, defaultdict) and value.__class__ is not defaultdict:
            # defaultdict's own reduction calls the class with one argument, which moto's classes do not take.
            state = (vars(value), {"default_factory": value.default_factory})
            return _empty, (type(value),), state, None, iter(value.items())
        if isinstance(value, FunctionType) and "<" in value.__qualname__ and value.__closure__ is None:
            return _function, (value.__module__, marshal.dumps(value.__code__), value.__defaults__)
        return _reduce_key(value) if type(value).__module__.startswith("cryptography.") else NotImplemented


def _backends(backend_class: type[BaseBackend]) -> BackendDict[Any]:
    """moto's register of all backends of a class: one module-level name beside the class."""
    module = sys.modules[backend_class.__module__]
    for value in vars(module).values():
        if isinstance(value, BackendDict) and value.backend is backend_class:
            return value
    raise LookupError(f"{module.__name__} has no register of {backend_class.__name__}")


def _backend(backend_class: type[BaseBackend], account: str, region: str) -> BaseBackend:
    backend: BaseBackend = _backends(backend_class)[account][region]
    return backend


def _managed_policy(account: str, partition: str, arn: str) -> AWSManagedPolicy:
    policies: dict[str, AWSManagedPolicy] = iam_backends[account][partition].managed_policies
    return policies[arn]


def _empty(mapping_class: type[defaultdict[Any, Any]]) -> Any:
    return mapping_class.__new__(mapping_class)


def _function(module: str, code: bytes, defaults: tuple[Any, ...] | None) -> FunctionType:
    """A lambda, such as the default factory of a dictionary. Python is the same version as wrote it."""
    return FunctionType(marshal.loads(code), vars(sys.modules[module]), argdefs=defaults)  # noqa: S302 - as for pickle


def _reduce_key(value: Any) -> Any:
    """A key or a certificate of the library cryptography, as the DER that it is made from."""
    der = serialization.Encoding.DER
    if isinstance(value, x509.Certificate):
        return _certificate, (value.public_bytes(der),)
    if hasattr(value, "private_bytes"):
        encryption = serialization.NoEncryption()
        return _private_key, (value.private_bytes(der, serialization.PrivateFormat.PKCS8, encryption),)
    return NotImplemented


def _certificate(der: bytes) -> Any:
    return x509.load_der_x509_certificate(der)


def _private_key(der: bytes) -> Any:
    return serialization.load_der_private_key(der, None)
