"""Rebuilding a database from the body store: manifests say what was where, bodies are read again, and what came later is
placed by what objects say of themselves.
"""
