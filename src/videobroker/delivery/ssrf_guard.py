"""SSRF guard: webhooks are not sent to private addresses.

A check when an endpoint is registered is not enough, because the name can resolve to another address later (DNS
rebinding). Therefore the guard resolves the name for every connection, and connects to the address that it checked.
"""

import asyncio
import socket
from collections.abc import Awaitable, Callable, Iterable, Sequence
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address, ip_network

import httpcore

NAT64 = IPv6Network("64:ff9b::/96")
"""IPv6 addresses that contain an IPv4 address (RFC 6052)."""
GLOBAL_UNICAST = IPv6Network("2000::/3")
"""The IPv6 addresses in public use (RFC 4291). Others are site-local, link-local, unique local, or multicast."""
BLOCKED_NETWORKS = tuple(
    ip_network(network)
    for network in (
        "192.0.0.0/24",  # protocol assignments; metadata of Oracle Cloud
        "192.88.99.0/24",  # 6to4 relays (RFC 7526)
        "168.63.129.16/32",  # the host of every Azure virtual machine
        "3fff::/20",  # documentation (RFC 9637)
    )
)
"""`ipaddress` treats these as public in some or all Python versions."""

Resolver = Callable[[str, int], Awaitable[Sequence[str]]]
"""Resolves host and port to numeric addresses. Raises `OSError` or `UnicodeError` if there are none."""


class PrivateAddress(httpcore.ConnectError):
    """The host has an address that is not public."""


def is_public(address: str) -> bool:
    """Whether the address is on the public internet. Raises `ValueError` if it is not numeric.

    Embedded IPv4 addresses (NAT64, mapped, 6to4, Teredo) are checked too.
    """
    parsed = ip_address(address.partition("%")[0])
    return all(_is_allowed(each) for each in _embedded(parsed))


def _is_allowed(address: IPv4Address | IPv6Address) -> bool:
    if isinstance(address, IPv6Address) and address not in GLOBAL_UNICAST:
        return False
    blocked = any(address in network for network in BLOCKED_NETWORKS)
    return address.is_global and not address.is_multicast and not address.is_reserved and not blocked


def _embedded(address: IPv4Address | IPv6Address) -> Iterable[IPv4Address | IPv6Address]:
    """The address, and the IPv4 addresses in it."""
    if isinstance(address, IPv6Address):
        if address in NAT64:
            # Only the IPv4 address counts: in an IPv6-only network, every public IPv4 host has such an address.
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
    """The addresses from the system resolver, in its order of preference."""
    found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(each[4][0]) for each in found))


class SsrfGuard(httpcore.AsyncNetworkBackend):
    """A network backend that connects to public addresses only; with `allow_private`, to all."""

    def __init__(
        self,
        *,
        allow_private: bool,
        network: httpcore.AsyncNetworkBackend | None = None,
        resolve: Resolver = resolve_host,
    ) -> None:
        self._allow_private = allow_private
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
        """A connection to the first address that accepts one.

        Raises `PrivateAddress` if any address of the host is not public, `httpcore.ConnectError`, or
        `httpcore.ConnectTimeout`.
        """
        addresses = await self._addresses(host, port)
        if not self._allow_private and not all(is_public(address) for address in addresses):
            raise PrivateAddress("The host is in a private network, or has an address there.")
        error: Exception | None = None
        for address in addresses:
            try:
                return await self._network.connect_tcp(address, port, timeout, local_address, socket_options)
            except (httpcore.ConnectError, httpcore.ConnectTimeout) as failure:
                error = failure
        raise error or httpcore.ConnectError("The host has no address.")

    async def connect_unix_socket(
        self,
        path: str,
        timeout: float | None = None,
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        """Raises `PrivateAddress`: webhooks use TCP only."""
        raise PrivateAddress("Events are delivered over the network only.")

    async def sleep(self, seconds: float) -> None:
        await self._network.sleep(seconds)

    async def _addresses(self, host: str, port: int) -> Sequence[str]:
        try:
            return await self._resolve(host, port)
        except (OSError, UnicodeError) as error:
            raise httpcore.ConnectError("The host name has no address.") from error
