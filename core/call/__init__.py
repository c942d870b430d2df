"""One call from INVITE to CDR: the switchboard admits it, the call runs its steps, legs ring."""
