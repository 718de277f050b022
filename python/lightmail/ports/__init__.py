"""What LightMail needs from the outside, as small Protocols in the caller's vocabulary.

Every backend runs the contract in tests/contracts/ of each port it implements.
"""
