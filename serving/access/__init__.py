"""Who may do what: API keys, sessions of people at the desk, scopes of routes, rate limits."""
