"""The hosted page, the call page, and the script that embeds the hosted page."""
