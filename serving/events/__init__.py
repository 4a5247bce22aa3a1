"""What happened, for others: one shape of event, as a stream of the service and in webhooks."""
