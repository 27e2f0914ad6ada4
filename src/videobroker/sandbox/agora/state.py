"""The state of the emulated Agora."""

from collections.abc import Callable
from datetime import datetime

from videobroker.sandbox.agora.channel_events import ChannelEvent
from videobroker.sandbox.agora.channels import AgoraSnapshot, Channel, KickingRule


class AgoraState:
    """All channels and rules. `write` is called after each change, and stores it in the state file."""

    def __init__(self, before: AgoraSnapshot, write: Callable[[], None]) -> None:
        self.event_listener: Callable[[ChannelEvent], None] | None = None
        """Receives the events of channels."""
        self._write = write
        self._channels = {channel.name: channel for channel in before.channels}
        self._rules = {rule.id: rule for rule in before.rules}
        self._last_sequence = 0

    def channel(self, name: str) -> Channel:
        """The channel with this name; an unknown channel is empty."""
        return self._channels.get(name) or Channel(name)

    def channels(self) -> tuple[Channel, ...]:
        """The channels with users, ordered by name."""
        return tuple(channel for _, channel in sorted(self._channels.items()) if channel.users)

    def store_channel(self, channel: Channel) -> None:
        self._channels[channel.name] = channel
        self._write()

    def rule(self, rule_id: int) -> KickingRule | None:
        return self._rules.get(rule_id)

    def rules(self, now: datetime) -> tuple[KickingRule, ...]:
        """The rules that have not expired, oldest first."""
        return tuple(rule for rule in self._rules.values() if rule.is_active_at(now))

    def store_rule(self, rule: KickingRule) -> None:
        self._rules[rule.id] = rule
        self._write()

    def delete_rule(self, rule: KickingRule) -> None:
        """Delete a rule."""
        del self._rules[rule.id]
        self._write()

    def next_sequence(self, now: datetime) -> int:
        """A number for an event, greater than all earlier ones, also after a restart."""
        self._last_sequence = max(self._last_sequence + 1, int(now.timestamp() * 1000))
        return self._last_sequence

    def emit(self, event: ChannelEvent) -> None:
        """Send an event to the event_listener, if there is one."""
        if self.event_listener is not None:
            self.event_listener(event)

    def snapshot(self) -> AgoraSnapshot:
        """The state to store in the state file."""
        return AgoraSnapshot(channels=tuple(self._channels.values()), rules=tuple(self._rules.values()))
