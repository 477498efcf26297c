"""Collects GitHub Copilot adoption metrics daily, keeps their history, and shows them."""
