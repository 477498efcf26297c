"""The client of GitHub's Copilot REST API: transport, paging, errors. Knows no database."""
