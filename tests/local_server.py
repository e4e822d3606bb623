"""A chat server of the tests' own, on this machine; what it answers is up to its subclass."""

import contextlib
import json
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer

PROXIES = ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY")


class ChatHandler(BaseHTTPRequestHandler):
    """Reads a request in OpenAI's protocol; logs nothing."""

    def body(self):
        return json.loads(self.rfile.read(int(self.headers["Content-Length"])))

    def send(self, data, promised=None, code=200, headers=()):
        """Send the bytes; a `promised` length that is longer breaks the reply off."""
        with contextlib.suppress(BrokenPipeError):
            self.send_response(code)
            for name, value in dict(headers).items():
                self.send_header(name, value)
            if promised is not None:
                self.send_header("Content-Length", str(promised))
            self.end_headers()
            self.wfile.write(data)

    def log_message(self, *_):
        pass


@contextlib.contextmanager
def serving(handler, monkeypatch):
    """Serve while the block runs; gives the address. No proxy of the reader's stands between."""
    for name in PROXIES:
        monkeypatch.delenv(name, raising=False)
    server = HTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/v1"
    finally:
        server.shutdown()
        server.server_close()
