"""The review desk: server-rendered pages with small plain scripts, nothing from other sites."""
