"""Webhooks: events posted to receivers of others, signed after Standard Webhooks (standardwebhooks.com, version 1)."""
