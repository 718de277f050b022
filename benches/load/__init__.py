"""The load driver: many real connections against a running server, in a process of its own.

`python -m benches.load --help`; starts a LightMail server unless `--connect` names one (of any make).
"""
