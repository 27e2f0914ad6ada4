"""PostgreSQL: tables, repositories, and batchers.

A repository is a module of functions that take a `UnitOfWork` first. Queries that every join, webhook, or delivery
makes are batchers on connections of their own (`postgres/fast_query.py`). See the decision records
17 and 27.
"""
