"""Sends results to a server."""

import importlib.util
import json
import warnings

import numpy as np

from torchkeras.callbacks._callback import Callback
from torchkeras.callbacks._monitor import number


class RemoteMonitor(Callback):
    """Sends each epoch's results to a server, as an HTTP POST.

    It needs the package ``requests``. A server that cannot be reached makes a warning, and the
    training goes on.

    Args:
        root: URL of the server.
        path: Path there.
        field: Name of the form's field that has the results, as JSON.
        headers: Dict of HTTP headers.
        send_as_json: Whether the results are the body, as ``application/json``, and no form.

    Raises:
        ImportError: if ``requests`` is not installed.
    """

    def __init__(
        self,
        root="http://localhost:9000",
        path="/publish/epoch/end/",
        field="data",
        headers=None,
        send_as_json=False,
    ):
        super().__init__()
        if importlib.util.find_spec("requests") is None:
            raise ImportError(
                "RemoteMonitor requires the `requests` library. Install it: "
                "pip install 'keras-on-torch[remote]'"
            )
        self.root = root
        self.path = path
        self.field = field
        self.headers = headers
        self.send_as_json = send_as_json

    def on_epoch_end(self, epoch, logs=None):
        """Sends the epoch's number and results."""
        import requests  # pyright: ignore

        values = {name: _plain(value) for name, value in (logs or {}).items()}
        send = {"epoch": epoch, **values}
        url = self.root + self.path
        try:
            if self.send_as_json:
                requests.post(url, json=send, headers=self.headers)
            else:
                requests.post(url, {self.field: json.dumps(send)}, headers=self.headers)
        except requests.exceptions.RequestException:
            warnings.warn(f"Could not reach RemoteMonitor root server at {self.root}", stacklevel=2)


def _plain(value):
    value = number(value)
    return value.tolist() if isinstance(value, (np.ndarray, np.generic)) else value
