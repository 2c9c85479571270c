"""One file per search parameter type: what is extracted, and how a query value becomes a plan."""
