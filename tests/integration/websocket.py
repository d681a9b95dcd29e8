"""A small RFC 6455 client, enough for the live stream."""
import base64
import hashlib
import json
import os
import socket
import struct
import time

TEXT, BINARY, CLOSE, PING, PONG = 1, 2, 8, 9, 10


class Closed(Exception):
    pass


class WebSocket:
    def __init__(self, port, path, receive_buffer=None, timeout=30, headers=()):
        self.socket = socket.socket()
        if receive_buffer:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        self.socket.settimeout(timeout)
        self.opened = time.monotonic()
        self.socket.connect(("127.0.0.1", port))
        key = base64.b64encode(os.urandom(16)).decode()
        lines = [f"GET {path} HTTP/1.1", f"Host: 127.0.0.1:{port}", "Upgrade: websocket",
                 "Connection: Upgrade", f"Sec-WebSocket-Key: {key}", "Sec-WebSocket-Version: 13",
                 *headers]
        self.socket.sendall(("\r\n".join(lines) + "\r\n\r\n").encode())
        self.buffer = b""
        self.status, self.headers = self._read_head()
        if self.status == 101:
            wanted = base64.b64encode(hashlib.sha1(
                (key + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11").encode()).digest()).decode()
            if self.headers.get("sec-websocket-accept") != wanted:
                raise Closed("wrong Sec-WebSocket-Accept")

    def _more(self):
        data = self.socket.recv(262144)
        if not data:
            raise Closed("end of the connection")
        self.buffer += data

    def _read_head(self):
        while b"\r\n\r\n" not in self.buffer:
            self._more()
        head, self.buffer = self.buffer.split(b"\r\n\r\n", 1)
        lines = head.decode("latin1").split("\r\n")
        headers = {}
        for line in lines[1:]:
            name, _, value = line.partition(":")
            headers[name.strip().lower()] = value.strip()
        return int(lines[0].split()[1]), headers

    def _take(self, count):
        while len(self.buffer) < count:
            self._more()
        data, self.buffer = self.buffer[:count], self.buffer[count:]
        return data

    def _send(self, opcode, payload=b""):
        mask = os.urandom(4)
        masked = bytes(byte ^ mask[i % 4] for i, byte in enumerate(payload))
        self.socket.sendall(bytes([0x80 | opcode, 0x80 | len(payload)]) + mask + masked)

    def send_text(self, text):
        """At most 125 bytes."""
        self._send(TEXT, text.encode())

    def _frame(self):
        first, second = self._take(2)
        size = second & 127
        if size == 126:
            size = struct.unpack(">H", self._take(2))[0]
        elif size == 127:
            size = struct.unpack(">Q", self._take(8))[0]
        return first & 0x80, first & 15, self._take(size)

    def receive(self):
        """(opcode, payload) of the next message; pings are answered. Closed at the end."""
        opcode, payload = 0, b""
        while True:
            final, kind, part = self._frame()
            if kind == PING:
                self._send(PONG, part[:125])
                continue
            if kind == PONG:
                continue
            if kind == CLOSE:
                raise Closed(part)
            opcode = kind or opcode
            payload += part
            if final:
                return opcode, payload

    def receive_json(self):
        """The next text message; binary ones before it are skipped."""
        while True:
            opcode, payload = self.receive()
            if opcode == TEXT:
                return json.loads(payload)

    def close(self):
        try:
            self._send(CLOSE, struct.pack(">H", 1000))
        except OSError:
            pass
        self.socket.close()


class Live:
    """A viewer: messages sorted into texts, init segments and fragments."""

    def __init__(self, port, camera, stream="main", **options):
        self.ws = WebSocket(port, f"/api/v1/cameras/{camera}/stream/ws?stream={stream}", **options)
        if self.ws.status != 101:
            raise Closed(f"HTTP {self.ws.status}")

    def next(self):
        """('text', object) or ('init' | 'fragment', bytes)."""
        opcode, payload = self.ws.receive()
        if opcode == TEXT:
            return "text", json.loads(payload)
        return ("init" if payload[4:8] == b"ftyp" else "fragment"), payload

    def until(self, kind, seconds=30, condition=None):
        """The next message of that kind for which condition holds."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            got, value = self.next()
            if got == kind and (condition is None or condition(value)):
                return value
        raise AssertionError(f"no {kind} within {seconds} s")

    def close(self):
        self.ws.close()
