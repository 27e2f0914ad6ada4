"""The event loop of the service, for tests. It always closes, and reports transports that are still open."""

import warnings

import uvloop


class StrictLoop(uvloop.Loop):
    """uvloop warns about each open transport while it closes them.

    Where warnings are errors, as in these tests, it leaves such a transport open and then waits for it forever.
    """

    def close(self) -> None:
        """Raises an `ExceptionGroup` of one `ResourceWarning` for each transport that was open."""
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always", ResourceWarning)
            super().close()
        open_transports = [each.message for each in caught if isinstance(each.message, ResourceWarning)]
        if open_transports:
            raise ExceptionGroup("transports were open when the loop was closed", open_transports)
