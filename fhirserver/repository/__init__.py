"""THE ONE DOOR: every interaction reaches stored resources through a ``Repository`` bound to its caller.

``requests`` holds what is asked and answered; ``repository`` is the door; ``writes``, ``transaction``,
``searches`` and ``histories`` are the rooms behind it.
"""
