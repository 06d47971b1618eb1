# Copyright (c) 2026, Entasis Engine contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""moto as one WSGI application: corrected, one call at a time, and each change on disk before its answer is sent."""

from __future__ import annotations

import sys
import threading
import traceback
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from moto.core.base_backend import BackendDict
from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app
from werkzeug.test import EnvironBuilder
from werkzeug.wrappers import Response

from sandbox.access_key import AccessKey
from sandbox.aws import account, corrections, persistence
from sandbox.aws.calls import Call, recognise
from sandbox.aws.corrections.s3_buckets import know_buckets
from sandbox.aws.errors import error_response
from sandbox.layout import AWS_REGION

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIEnvironment

#: Held while anything reads or changes moto's backends, which are not made for threads. Whoever works on them outside
#: a request holds it too, and calls C(Emulator.save) after a change.
ACCOUNT_LOCK = threading.RLock()

#: An account whose file is larger (bytes) is written a little later, so that it slows no call: 30 ms for so many.
LARGEST_WRITE = 1_000_000
#: For how long (seconds) changes are collected where writes are put off.
WRITE_DELAY = 0.3

_FIRST_CALLS = (
    ("ec2", "DescribeVpcs", "2016-11-15"),
    ("iam", "ListRoles", "2010-05-08"),
    ("sts", "GetCallerIdentity", "2011-06-15"),
)


class _Moto(DomainDispatcherApplication):
    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._backends: dict[str | None, Any] = {}

    def get_backend_for_host(self, host: str | None) -> Any:
        # moto looks into 180 folders for each call to find the service of its host: a third of the time of a small one.
        if host not in self._backends:
            self._backends[host] = super().get_backend_for_host(host)
        return self._backends[host]


class Emulator:
    """The emulated account behind AWS's API.

    C(path) is the file of the account. C(restored) says whether it was read from there. A file that cannot be read is
    kept beside it under C(.unreadable), and the account starts empty.
    """

    def __init__(self, path: Path, access_key: AccessKey) -> None:
        self._path = path
        self._access_key = access_key
        self._moto = _Moto(create_backend_app)
        self._written_bytes = 0
        self._timer: threading.Timer | None = None
        self.restored = False
        self._not_restored: list[str] = []
        self._not_kept: list[str] = []
        corrections.apply()
        with ACCOUNT_LOCK:
            self._restore()
            account.prepare(access_key)
            self._write()

    def __call__(self, environ: WSGIEnvironment, start: StartResponse) -> Iterable[bytes]:
        call = recognise(environ)
        with ACCOUNT_LOCK:
            try:
                response = Response.from_app(self._moto, environ, buffered=True)
            except Exception as error:  # noqa: BLE001 - whatever breaks in moto, the caller gets an answer of AWS's shape
                response = _broken(call, environ, error)
            if call is None or not call.is_read:
                self.save()
        return response(environ, start)

    @property
    def problem(self) -> str:
        """What of the account could not be read, or cannot be written; empty when all is well."""
        return "; ".join([*self._not_restored, *self._not_kept])

    def save(self) -> None:
        """Write the account: now, or a little later where that would slow every call."""
        with ACCOUNT_LOCK:
            if self._written_bytes <= LARGEST_WRITE:
                self._write()
            elif self._timer is None:
                self._timer = threading.Timer(WRITE_DELAY, self.flush)
                self._timer.daemon = True
                self._timer.start()

    def flush(self) -> None:
        """Write what was put off."""
        with ACCOUNT_LOCK:
            if self._timer is not None:
                self._timer.cancel()
                self._timer = None
                self._write()

    def reset(self) -> None:
        """Empty every account; the one known access key stays."""
        with ACCOUNT_LOCK:
            # BackendDict.reset() would also forget the regions of each service, which take a second to find again.
            for backends in BackendDict._instances:
                for regions in backends.values():
                    regions.clear()
            know_buckets()
            account.prepare(self._access_key)
            self._write()

    def warm_up(self) -> None:
        """Make the first call of each service that a platform starts with, because it loads that service (0.5 s)."""
        for service, action, version in _FIRST_CALLS:
            credential = f"Credential={self._access_key.access_key_id}/20200101/{AWS_REGION}/{service}/aws4_request"
            environ = EnvironBuilder(
                method="POST",
                data=urlencode({"Action": action, "Version": version}),
                content_type="application/x-www-form-urlencoded",
                headers=[("Authorization", f"AWS4-HMAC-SHA256 {credential}, SignedHeaders=host, Signature=none")],
            ).get_environ()
            Response.from_app(self, environ, buffered=True)

    def _restore(self) -> None:
        try:
            self.restored = persistence.load(self._path)
            know_buckets()
        except persistence.SnapshotError as error:
            self._not_restored = [str(error)]
            self._path.replace(self._path.with_suffix(".unreadable"))
            print(f"the account starts empty: {error}", file=sys.stderr, flush=True)

    def _write(self) -> None:
        left_out = persistence.save(self._path)
        self._not_kept = [f"{service} is not kept: {reason}" for service, reason in sorted(left_out.items())]
        self._written_bytes = self._path.stat().st_size


def _broken(call: Call | None, environ: WSGIEnvironment, error: Exception) -> Response:
    """The answer to a call that moto cannot handle. The traceback goes to the log."""
    what = f"{call.service} {call.operation}" if call else f"{environ['REQUEST_METHOD']} {environ['PATH_INFO']}"
    print(f"moto cannot handle {what}", file=sys.stderr)
    traceback.print_exception(error)
    missing = isinstance(error, NotImplementedError)
    code, status = ("NotImplemented", 501) if missing else ("InternalFailure", 500)
    message = f"The sandbox cannot answer {what}: {type(error).__name__}: {error}"
    return error_response(call, environ, code, message, status) if call else Response(message, status=status)
