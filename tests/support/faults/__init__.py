"""What goes wrong in the world, on purpose.

proxy       a network that delays, stalls, cuts, truncates, damages, between any two that speak TCP
processes   SIGSTOP and kill -9 of one process among several
disk        a file system that is full
shim        a clock that steps, an fsync that takes its time, in one process
"""
