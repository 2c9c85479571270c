"""Long work beside the requests.

``load_files`` reads files as units of work, ``load_journal`` remembers what was done, ``load`` runs them.
``runner`` does jobs that lie in the database; ``reindex`` is one kind, ``reindex_control`` starts and stops it.
``parameter_watch`` keeps a worker's search parameters as the stored SearchParameters say.
"""
