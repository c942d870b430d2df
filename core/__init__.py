"""The telephone core: contracts, SIP, media, routing and calls. Knows no SQL, no page, no plugin."""
