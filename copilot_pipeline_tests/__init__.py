"""Tests of copilot_pipeline: real SQLite, real PostgreSQL, real HTTP on loopback."""
