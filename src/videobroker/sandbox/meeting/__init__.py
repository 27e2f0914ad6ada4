"""People who meet on the sandbox's own page: their sockets, and what they tell each other through them."""
