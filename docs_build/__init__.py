"""Builds the documentation site: the hooks of MkDocs, and the generated pages."""
