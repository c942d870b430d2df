"""Tenants: tables, services, the directory of calls and everything stored."""
