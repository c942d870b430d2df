"""SIP, sans-IO: messages, transactions and dialogs as values; sockets live in ``transport`` only.

From the bottom up: ``_wire`` (bytes ↔ messages, compiled), ``uri``, ``sdp`` and ``digest`` (values
inside messages), timers, transactions, dialogs, sessions, and the endpoint that puts them on a loop.
"""
