"""Pictures of every kind whose pixels are known, and what the service makes of each kind."""
