"""The pages that people see: the one behind a link, and what is needed to embed it."""
