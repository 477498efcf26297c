"""The client of GitHub's Copilot REST API: transport, paging, errors.

This package does not use the database.
"""
