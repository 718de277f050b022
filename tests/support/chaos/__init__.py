"""A cluster in which everything goes wrong: what it is made of (ensemble), what happens (kinds), one after the other (rain)."""
