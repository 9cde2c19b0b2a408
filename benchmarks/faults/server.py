"""A model behind an endpoint on this machine, which answers as it is told to."""

import json
import socket
import threading
from collections.abc import Callable, Mapping
from typing import Any, Self

Behave = Callable[["Exchange"], None]


class Exchange:
    """One connection: what was asked, and means to answer it well or badly."""

    def __init__(self, connection: socket.socket, known: Mapping[str, str]) -> None:
        """Read one request."""
        self._connection = connection
        head, _, body = self._receive()
        self.head, self.body = head.decode("latin-1"), body
        self._known = known

    def _receive(self) -> tuple[bytes, bytes, bytes]:
        received = b""
        while b"\r\n\r\n" not in received:
            more = self._connection.recv(65_536)
            if not more:
                raise ConnectionError
            received += more
        head, between, body = received.partition(b"\r\n\r\n")
        length = next(
            (
                int(line.split(b":")[1])
                for line in head.split(b"\r\n")
                if line.lower().startswith(b"content-length:")
            ),
            0,
        )
        while len(body) < length:
            body += self._connection.recv(65_536)
        return head, between, body

    @property
    def questions(self) -> list[Any]:
        """Those of the request."""
        return json.loads(self.body)["instances"]

    @property
    def answers(self) -> list[str]:
        """The model's answers to them."""
        return [self._known.get(json.dumps(each), "ant") for each in self.questions]

    @property
    def secret_header(self) -> str:
        """The authorisation that came with the request."""
        for line in self.head.split("\r\n"):
            if line.lower().startswith("authorization:"):
                return line.partition(":")[2].strip()
        return ""

    def send(self, raw: bytes) -> None:
        """Send bytes as they are."""
        self._connection.sendall(raw)

    def reply(
        self, body: bytes, status: str = "200 OK", headers: Mapping[str, str] | None = None
    ) -> None:
        """Send a whole response."""
        fields = {"Content-Type": "application/json", "Content-Length": str(len(body))}
        fields |= headers or {}
        lines = [f"HTTP/1.1 {status}", *(f"{k}: {v}" for k, v in fields.items()), "", ""]
        self.send("\r\n".join(lines).encode("latin-1", "replace") + body)

    def predict(self, predictions: Any) -> None:
        """Send predictions."""
        self.reply(json.dumps({"predictions": predictions}).encode())

    def answer(self) -> None:
        """Answer well."""
        self.predict(self.answers)


class Server:
    """Listens while it is entered; every connection is of one request."""

    def __init__(
        self, port: int, known: Mapping[str, str], behave: Behave = Exchange.answer
    ) -> None:
        """Name the port, what the model answers, and how."""
        self.asked = 0
        self._known, self._behave = known, behave
        self._listening = socket.socket()
        self._listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self._listening.bind(("127.0.0.1", port))
        self._open: set[socket.socket] = set()

    @property
    def port(self) -> int:
        """On which it listens."""
        return self._listening.getsockname()[1]

    def __enter__(self) -> Self:
        """Listen."""
        self._listening.listen(64)
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        """Close all connections, in the middle of an answer too."""
        self._listening.shutdown(socket.SHUT_RDWR)
        self._listening.close()
        for connection in list(self._open):
            connection.close()

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._listening.accept()
            except OSError:
                return
            self._open.add(connection)
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        try:
            with connection:
                while True:
                    exchange = Exchange(connection, self._known)
                    self.asked += 1
                    self._behave(exchange)
        except (OSError, ValueError, KeyError, TypeError):
            return  # the other side went, or was closed
        finally:
            self._open.discard(connection)
