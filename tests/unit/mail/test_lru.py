from __future__ import annotations

from lightmail.mail.lru import OctetCache


def test_the_least_recently_used_goes_first() -> None:
    cache: OctetCache[int] = OctetCache(3 * 1200)
    for key in (1, 2, 3):
        cache.put(key, bytes(1000))
    assert cache.get(1) is not None
    cache.put(4, bytes(1000))
    assert [cache.get(key) is not None for key in (1, 2, 3, 4)] == [True, False, True, True]
    assert cache.octets <= 3 * 1200


def test_what_never_fits_is_not_kept() -> None:
    cache: OctetCache[int] = OctetCache(1000)
    cache.put(1, bytes(999))
    assert cache.get(1) is None and cache.octets == 0


def test_a_key_keeps_its_octets() -> None:
    cache: OctetCache[int] = OctetCache(10_000)
    cache.put(1, b"a")
    cache.put(1, b"b")
    assert cache.get(1) == b"a"
