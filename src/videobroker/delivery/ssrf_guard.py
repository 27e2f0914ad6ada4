"""Keeps deliveries out of private networks: every connection goes to an address that was looked at a moment before.

Checking a host's name, or the addresses it has when an endpoint is registered, is not enough: the name may get another
address between the check and the connection. So the check is the connection: the name is resolved here, and the socket
is opened to the very address that passed.
"""

import asyncio
import socket
from collections.abc import Awaitable, Callable, Iterable, Sequence
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address, ip_network

import httpcore

NAT64 = IPv6Network("64:ff9b::/96")
"""IPv4 addresses in IPv6 clothes (RFC 6052)."""
GLOBAL_UNICAST = IPv6Network("2000::/3")
"""All of IPv6 that is given out (RFC 4291): beyond it are site-local, link-local, unique local and multicast."""
BLOCKED_NETWORKS = tuple(
    ip_network(network)
    for network in (
        "192.0.0.0/24",  # protocol assignments; a cloud has its metadata there
        "192.88.99.0/24",  # relays of 6to4
        "168.63.129.16/32",  # looks public, and is the host beneath every machine of a cloud
        "3fff::/20",  # documentation
    )
)
"""What Python's own list, which differs from version to version, may take for public."""

Resolver = Callable[[str, int], Awaitable[Sequence[str]]]
"""The numeric addresses of a host; `OSError` or `UnicodeError` when it has none."""


class PrivateAddress(httpcore.ConnectError):
    """The host is in a network into which nothing is delivered."""


def is_public(address: str) -> bool:
    """Whether this numeric address is one of the public internet."""
    parsed = ip_address(address.partition("%")[0])
    return all(_is_open(each) for each in _behind(parsed))


def _is_open(address: IPv4Address | IPv6Address) -> bool:
    if isinstance(address, IPv6Address) and address not in GLOBAL_UNICAST:
        return False
    closed = any(address in network for network in BLOCKED_NETWORKS)
    return address.is_global and not address.is_multicast and not address.is_reserved and not closed


def _behind(address: IPv4Address | IPv6Address) -> Iterable[IPv4Address | IPv6Address]:
    """The address, and those that it stands for."""
    if isinstance(address, IPv6Address):
        if address in NAT64:
            # Only clothes: where there is no IPv4, every IPv4 host of the internet is met like this.
            yield IPv4Address(int(address) & 0xFFFFFFFF)
            return
        if address.ipv4_mapped is not None:
            yield address.ipv4_mapped
        if address.sixtofour is not None:
            yield address.sixtofour
        if address.teredo is not None:
            yield from address.teredo
    yield address


async def resolve_host(host: str, port: int) -> Sequence[str]:
    """What this machine says, in the order in which it prefers them."""
    found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(each[4][0]) for each in found))


class SsrfGuard(httpcore.AsyncNetworkBackend):
    """Opens connections to public addresses only; with `allow_private`, to all."""

    def __init__(
        self,
        *,
        allow_private: bool,
        network: httpcore.AsyncNetworkBackend | None = None,
        resolve: Resolver = resolve_host,
    ) -> None:
        self._anywhere = allow_private
        self._network = network or httpcore.AnyIOBackend()
        self._resolve = resolve

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        """A connection to the first of the host's addresses that answers. Raises `PrivateAddress`."""
        addresses = await self._addresses(host, port)
        if not self._anywhere and not all(is_public(address) for address in addresses):
            raise PrivateAddress("The host is in a private network, or has an address there.")
        error: Exception | None = None
        for address in addresses:
            try:
                return await self._network.connect_tcp(address, port, timeout, local_address, socket_options)
            except (httpcore.ConnectError, httpcore.ConnectTimeout) as refused:
                error = refused
        raise error or httpcore.ConnectError("The host has no address.")

    async def connect_unix_socket(
        self,
        path: str,
        timeout: float | None = None,
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        """Never: a URL names no socket."""
        raise PrivateAddress("Events are delivered over the network only.")

    async def sleep(self, seconds: float) -> None:
        """As the network does."""
        await self._network.sleep(seconds)

    async def _addresses(self, host: str, port: int) -> Sequence[str]:
        try:
            return await self._resolve(host, port)
        except (OSError, UnicodeError) as error:
            raise httpcore.ConnectError("The host's name has no address.") from error
