"""What strangers send to a port where nodes join.

The frames are those of CAF's binary protocol: 32 bytes of header, the length of
the payload among them, and the payload. Whoever sends one of these headers to a
port without TLS ends the process (length 0) or takes its memory (length 4 GiB),
which is why such a port is for this machine alone.
"""

import contextlib
import random
import socket
import ssl
import struct

SERVER_HANDSHAKE, CLIENT_HANDSHAKE, DIRECT_MESSAGE, HEARTBEAT = 0, 1, 2, 6
TIMEOUT_S = 10


def header(operation, payload_bytes=0, operation_data=0):
    return struct.pack(">BBBBIQQQ", operation, 0, 0, 0, payload_bytes,
                       operation_data, 0, 1)


def connect(address):
    host, port = address.rsplit(":", 1)
    return socket.create_connection((host, int(port)), TIMEOUT_S)


def _send(address, *pieces):
    """Sends `pieces`, each on a connection of its own. That the other side
    hangs up on us is what we want."""
    for piece in pieces:
        with contextlib.suppress(OSError), connect(address) as peer:
            peer.sendall(piece)


def garbage(address):
    chance = random.Random(7)
    _send(address, *[chance.randbytes(400) for _ in range(200)],
          chance.randbytes(1 << 20),
          b"GET / HTTP/1.1\r\nHost: x\r\n\r\n", b"\0" * 4096)


def truncated_headers(address):
    whole = header(DIRECT_MESSAGE, 100)
    _send(address, *[whole[:size] for size in range(1, len(whole))])


def handshakes_without_payload(address):
    _send(address, header(CLIENT_HANDSHAKE), header(SERVER_HANDSHAKE, 0, 3),
          header(HEARTBEAT) * 10)


def claims_of_four_gigabytes(address):
    _send(address, *[header(x, 0xFFFF_FFFF)
                     for x in (CLIENT_HANDSHAKE, SERVER_HANDSHAKE,
                               DIRECT_MESSAGE)] * 10)


def resets(address):
    """Two hundred connections that end by a reset, not by a farewell."""
    for _ in range(200):
        with contextlib.suppress(OSError), connect(address) as peer:
            peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER,
                            struct.pack("ii", 1, 0))


def client_hello():
    """The first flight of a handshake."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    outgoing = ssl.MemoryBIO()
    tls = context.wrap_bio(ssl.MemoryBIO(), outgoing, server_hostname="x")
    with contextlib.suppress(ssl.SSLWantReadError):
        tls.do_handshake()
    return outgoing.read()


def half_a_client_hello(address):
    hello = client_hello()
    _send(address, *[hello[:len(hello) // 2]] * 20,
          # A record that claims to be longer than any may be.
          hello[:3] + b"\xff\xff" + hello[5:])


def stranger_in_tls(address, certificate=None):
    """What is read after a handshake: nothing, unless we are let in.

    @param certificate  whom we claim to be; without one, nobody.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    if certificate:
        context.load_cert_chain(certificate.certificate, certificate.key)
    with contextlib.suppress(OSError), connect(address) as peer:
        with context.wrap_socket(peer) as tls:
            tls.sendall(header(CLIENT_HANDSHAKE, 0xFFFF_FFFF))
            return tls.recv(4096)
    return b""


@contextlib.contextmanager
def silent_connections(address, count=300):
    """Connections that say nothing, for as long as the block lasts."""
    with contextlib.ExitStack() as stack:
        for _ in range(count):
            stack.enter_context(connect(address))
        yield


ALL = [garbage, truncated_headers, handshakes_without_payload,
       claims_of_four_gigabytes, resets, half_a_client_hello]
