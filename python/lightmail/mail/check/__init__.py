"""Is all mail there, and whole? What a check looks at, what it says, and what repair does about it."""
