"""Mail from elsewhere: mbox, Maildir and .eml files, resumable."""
