"""The event loop of the service, for tests: it always closes, and reports what was left open."""

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
        left = [each.message for each in caught if isinstance(each.message, ResourceWarning)]
        if left:
            raise ExceptionGroup("transports were open when the loop was closed", left)
