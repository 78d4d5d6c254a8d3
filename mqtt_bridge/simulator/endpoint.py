"""Where a simulated gateway connects, and how a connection ends."""

import ssl
from dataclasses import dataclass, field


class SessionEnded(Exception):
    """This connection is over; a device tries again after a while."""


class LinkLost(SessionEnded):
    """The broker went away or never answered."""


class NoReply(SessionEnded):
    """The platform did not answer in time, in any of the tries."""


class CredentialsRefused(Exception):
    """The broker does not know this user or password: trying again would only hammer it."""


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where to connect, as typed into Pilot: gateway address, account, password."""

    host: str
    port: int
    username: str = ""
    password: str = field(default="", repr=False)
    tls: bool = False
    ca_file: str | None = None
    #: The device's own certificate and key, for brokers that ask for one (`clientAuth`).
    certificate: tuple[str, str] | None = None

    def tls_context(self) -> ssl.SSLContext:
        """Raises OSError (ssl.SSLError is one)."""
        context = ssl.create_default_context(cafile=self.ca_file)
        if self.certificate:
            context.load_cert_chain(*self.certificate)
        return context
