"""The HTTP server: how requests come in and responses go out. Knows HTTP, not images."""
