"""From an open mail store to processes that serve it: sockets, signals, certificates, an orderly end.

`run.serve` begins. One process (`alone`) does everything, or a supervisor starts several:

    supervisor ─ fork ─▶ worker ─▶ server           signals, sockets, restarts, reloads, numbers | one loop, one store
               ◀─ channel ─▶                        ready, failed, numbers | renew, report, retire
"""
