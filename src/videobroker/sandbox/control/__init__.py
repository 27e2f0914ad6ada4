"""The control API under `/_sandbox`. Its routes are not counted or logged, and faults do not apply to them."""
