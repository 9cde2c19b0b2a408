"""A server on the loopback that says, byte by byte, what a test tells it to."""

import socket
import threading
from contextlib import contextmanager, suppress
from types import SimpleNamespace


def answer(body, status="200 OK", *headers):
    """An answer of HTTP, whole."""
    lines = [f"HTTP/1.1 {status}", f"Content-Length: {len(body)}", *headers, "", ""]
    return "\r\n".join(lines).encode("latin-1") + body


def request_of(connection):
    """What was asked: the head, and the body."""
    data = b""
    while b"\r\n\r\n" not in data:
        if not (piece := connection.recv(65536)):
            return "", b""
        data += piece
    head, _, body = data.partition(b"\r\n\r\n")
    lines = head.decode("latin-1").split("\r\n")
    length = [int(line[15:]) for line in lines if line.lower().startswith("content-length:")]
    while length and len(body) < length[0]:
        body += connection.recv(65536)
    return head.decode("latin-1"), body


@contextmanager
def serving(*talks, port=0):
    """Serve: the n-th request is answered by the n-th of ``talks``, later ones by the last.

    A talk is what to send, or a function of the connection and of an event that is set at the end.
    """
    server = SimpleNamespace(heads=[], over=threading.Event(), dropped=threading.Event())

    def serve(connection):
        with connection, suppress(OSError):
            while (asked := request_of(connection))[0]:
                talk = talks[min(len(server.heads), len(talks) - 1)]
                server.heads.append(asked[0])
                if callable(talk):
                    return talk(connection, server)
                connection.sendall(talk)

    def accept(listener):
        while not server.over.is_set():
            with suppress(TimeoutError):
                connection, _ = listener.accept()
                connection.settimeout(5)
                threading.Thread(target=serve, args=(connection,), daemon=True).start()

    with socket.create_server(("127.0.0.1", port)) as listener:
        listener.settimeout(0.02)
        server.port = listener.getsockname()[1]
        server.url = f"http://127.0.0.1:{server.port}/model"
        thread = threading.Thread(target=accept, args=(listener,), daemon=True)
        thread.start()
        try:
            yield server
        finally:
            server.over.set()
            thread.join()
