"""A server and clients whose connections end in every way; each runs in a network namespace.

    traffic.py serve ADDRESS PORT
    traffic.py close ADDRESS PORT COUNT [SILENT_ADDRESS]
    traffic.py hold ADDRESS PORT COUNT SECONDS
"""
import socket
import struct
import sys
import threading
import time

RESET = struct.pack("ii", 1, 0)


def reset(sock):
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
    sock.close()


def drain(sock):
    while sock.recv(65536):
        pass


def answer(sock):
    """The client's first byte says how the connection is to end."""
    try:
        how = sock.recv(1)
        if how == b"r":  # the server resets
            reset(sock)
        elif how == b"s":  # the server closes first
            sock.sendall(b"s" * 3000)
            sock.shutdown(socket.SHUT_WR)
            drain(sock)
            sock.close()
        elif how == b"u":  # the server leaves data unread
            time.sleep(0.02)
            sock.close()
        elif how == b"h":  # the client has closed its half
            drain(sock)
            sock.sendall(b"h" * 20000)
            sock.close()
        elif how == b"k":  # the server forgets to close, for a while
            drain(sock)
            time.sleep(20)
            sock.close()
        else:  # the client closes or resets
            sock.sendall(b"x" * 5000)
            drain(sock)
            sock.close()
    except OSError:
        sock.close()


def serve(address, port):
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    server = socket.socket(family)
    server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    server.bind((address, port))
    server.listen(512)
    print("serving", flush=True)
    while True:
        sock, _ = server.accept()
        threading.Thread(target=answer, args=(sock,), daemon=True).start()


def end(address, port, how):
    try:
        sock = socket.create_connection((address, port), timeout=5)
    except OSError:
        return
    try:
        if how == "reset":
            sock.sendall(b"c")
            sock.recv(100)
            reset(sock)
            return
        if how == "unread":
            sock.sendall(b"u" + b"y" * 2000)
            drain(sock)
        elif how == "half":
            sock.sendall(b"h" * 100)
            sock.shutdown(socket.SHUT_WR)
            drain(sock)
        elif how == "forgotten":
            sock.settimeout(60)
            sock.sendall(b"k")
            sock.shutdown(socket.SHUT_WR)
            drain(sock)
        elif how == "server":
            sock.sendall(b"s")
            drain(sock)
        elif how == "server-reset":
            sock.sendall(b"r")
            drain(sock)
        else:
            sock.sendall(b"c")
            sock.recv(100)
    except OSError:
        pass
    sock.close()


WAYS = ("client", "server", "reset", "server-reset", "half", "unread", "client")


def close(address, port, count, silent=None):
    for number in range(count):
        end(address, port, WAYS[number % len(WAYS)])
        if number % 20 == 7:
            end(address, port + 1, "client")  # refused
    if silent:
        try:
            socket.create_connection((silent, port), timeout=0.5)
        except OSError:
            pass


def hold(address, port, count, seconds):
    held = [socket.create_connection((address, port)) for _ in range(count)]
    for sock in held:
        sock.sendall(b"c")
    print("held", flush=True)
    time.sleep(seconds)
    for sock in held:
        sock.close()


if __name__ == "__main__":
    what, where, at = sys.argv[1], sys.argv[2], int(sys.argv[3])
    if what == "serve":
        serve(where, at)
    elif what == "hold":
        hold(where, at, int(sys.argv[4]), float(sys.argv[5]))
    elif what == "forgotten":
        end(where, at, what)
    else:
        close(where, at, int(sys.argv[4]), *sys.argv[5:6])
