"""How the models that come with the course are made."""
