"""Values every floor shares: errors, ids, instants, references, canonicals, exchanges."""
