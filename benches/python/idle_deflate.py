"""What a compressed connection holds, awake and asleep, and what compression saves: python -m benches.python.idle_deflate"""

from __future__ import annotations

import tracemalloc
import zlib

from lightmail.net.deflate import Deflate

CONNECTIONS = 200
COMMANDS = 300


def main() -> None:
    """Prints octets for each connection, by tracemalloc, which sees zlib's memory too."""
    answer = b"".join(
        b'* %d FETCH (UID %d FLAGS (\\Seen) INTERNALDATE "17-Jul-1996 02:44:25 -0700" RFC822.SIZE %d)\r\n'
        % (n, n * 3, n * 977)
        for n in range(200)
    )
    tracemalloc.start()
    held: list[Deflate] = []
    wire = 0
    for _ in range(CONNECTIONS):
        deflate, client = Deflate(), zlib.compressobj(wbits=-15)
        for n in range(COMMANDS):
            command = b"a%d UID FETCH %d:* (UID FLAGS) (CHANGEDSINCE %d)\r\n" % (n, n * 7, n * 31)
            deflate.receive(client.compress(command) + client.flush(zlib.Z_SYNC_FLUSH))
            while deflate.take():
                pass
        wire += len(deflate.compress(answer))
        del client
        held.append(deflate)
    awake = tracemalloc.get_traced_memory()[0] // CONNECTIONS
    for deflate in held:
        deflate.sleep()
    asleep = tracemalloc.get_traced_memory()[0] // CONNECTIONS
    print(f"awake  {awake:>8} octets a connection")
    print(f"asleep {asleep:>8} octets a connection")
    print(f"a flags listing of {len(answer)} octets goes out in {wire // CONNECTIONS}")


if __name__ == "__main__":
    main()
