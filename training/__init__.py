"""Train, evaluate and export the model. The only room that knows torch."""
