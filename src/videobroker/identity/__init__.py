"""The apps' own identity providers: their user tokens, and the keys that sign them."""
