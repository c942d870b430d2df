"""Carriers: registration, health, channels, and how numbers and callers are written for each."""
