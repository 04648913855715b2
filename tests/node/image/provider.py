"""A provider inside the cluster that speaks OpenAI's chat API: answers, or fails, as its last argument says.
Deployed by the node tests beside the application. It must never be seen by an application itself.

    python3 provider.py NAME answers|fails
"""

import json
import signal
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

NAME, CONDUCT = sys.argv[1:]


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    # One write per answer: a head alone would wait for the other side's delayed acknowledgement.
    wbufsize = -1

    def do_POST(self):
        asked = json.loads(self.rfile.read(int(self.headers["content-length"])))
        if CONDUCT == "fails":
            self.answer(500, {"error": {"message": f"{NAME} fails", "type": "server_error", "param": None, "code": None}})
        elif asked.get("stream"):
            self.stream(asked)
        else:
            message = {"role": "assistant", "content": f"Hello from {NAME}"}
            self.answer(200, self.body(asked, "chat.completion", {"message": message, "finish_reason": "stop"}, True))

    def body(self, asked, kind, choice, usage):
        body = {"id": "chatcmpl-1", "object": kind, "created": 1, "model": asked["model"], "choices": [{"index": 0, **choice}]}
        if usage:
            body["usage"] = {"prompt_tokens": 5, "completion_tokens": 3, "total_tokens": 8}
        return body

    def answer(self, status, body):
        data = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def stream(self, asked):
        self.send_response(200)
        self.send_header("content-type", "text/event-stream")
        self.send_header("connection", "close")
        self.end_headers()
        for word in ["Hello", " from", f" {NAME}"]:
            self.event(self.body(asked, "chat.completion.chunk", {"delta": {"content": word}, "finish_reason": None}, False))
        self.event(self.body(asked, "chat.completion.chunk", {"delta": {}, "finish_reason": "stop"}, True))
        self.wfile.write(b"data: [DONE]\n\n")
        self.close_connection = True

    def event(self, body):
        self.wfile.write(b"data: " + json.dumps(body).encode() + b"\n\n")
        self.wfile.flush()

    def log_message(self, *_):
        pass


class Server(ThreadingHTTPServer):
    request_queue_size = 256
    daemon_threads = True


# The first process of a container ignores what it does not handle.
signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
Server(("0.0.0.0", 8000), Handler).serve_forever()
