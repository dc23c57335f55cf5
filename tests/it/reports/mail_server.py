"""A mail server for the tests: aiosmtpd with TLS and one user.

Keeps each message as N.eml below a folder and says `taken N`. With a file `wait` there, it waits
for a file `victim` with the number of a process, which is killed once the message is kept and
before it hears so.
"""

import asyncio
import os
import signal
import ssl
import sys
from pathlib import Path

from aiosmtpd.smtp import SMTP, AuthResult, LoginPassword

USER, PASSWORD = b"reports", b"changeit"


class Box:
    def __init__(self, folder):
        self.folder = folder
        self.count = 0

    async def handle_RCPT(self, server, session, envelope, address, options):
        if address.startswith("nobody@"):
            return f"550 5.1.1 <{address}> is unknown here"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server, session, envelope):
        self.count += 1
        head = "".join(f"X-Envelope-To: {to}\r\n" for to in envelope.rcpt_tos).encode()
        (self.folder / f"{self.count}.eml").write_bytes(head + envelope.content)
        if (self.folder / "wait").exists():
            victim = self.folder / "victim"
            while not victim.exists():
                await asyncio.sleep(0.01)
            os.kill(int(victim.read_text()), signal.SIGKILL)
            (self.folder / "wait").unlink()
        print(f"taken {self.count}", flush=True)
        return "250 2.0.0 taken"


def check(server, session, envelope, mechanism, data):
    right = LoginPassword(USER, PASSWORD)
    return AuthResult(success=isinstance(data, LoginPassword) and data == right, handled=False)


async def main():
    folder, cert, key, kind = Path(sys.argv[1]), sys.argv[2], sys.argv[3], sys.argv[4]
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(cert, key)
    settings = {"authenticator": check, "auth_required": True, "enable_SMTPUTF8": True}
    if kind == "starttls":
        settings |= {"tls_context": context, "require_starttls": True}
    else:
        # aiosmtpd only knows of TLS that it began itself.
        settings |= {"auth_require_tls": False}
    box = Box(folder)
    server = await asyncio.get_running_loop().create_server(
        lambda: SMTP(box, **settings),
        "127.0.0.1",
        0,
        ssl=None if kind == "starttls" else context,
    )
    print(f"port {server.sockets[0].getsockname()[1]}", flush=True)
    await server.serve_forever()


asyncio.run(main())
