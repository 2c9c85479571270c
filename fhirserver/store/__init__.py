"""MongoDB: the only floor that knows the database and its driver."""
