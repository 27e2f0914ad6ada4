"""videobroker: who may enter a video room now, and with which credentials."""
