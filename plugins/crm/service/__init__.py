"""Tasks and deals: what calls make of them, and what people do with them (features.md TSK, DEA)."""
