//! Mailbox snapshots, sequence sets, criteria evaluation, FETCH rendering; no I/O.
