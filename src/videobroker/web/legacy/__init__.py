"""The endpoints that products had before they used videobroker: their old bodies, our use cases.

One module a family. A module turns old words into ours and ours into old ones; it holds no rule of its own.
"""
