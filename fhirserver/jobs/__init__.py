"""Long work beside the requests.

``load_files`` reads files as units of work, ``load_journal`` remembers what was done, ``load`` runs them.
"""
