"""What nobody may do: each test plays somebody who tries. On the embedded default and on the production backends."""
