"""Legacy endpoints: the APIs that products had before videobroker, translated to the same use cases.

There is one module per family. A module only translates requests and responses; it contains no business rules.
"""
