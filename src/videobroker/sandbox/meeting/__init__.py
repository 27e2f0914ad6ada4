"""Meetings on the sandbox's own page: WebSockets, media signaling, chat."""
