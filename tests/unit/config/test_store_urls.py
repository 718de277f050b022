"""MySQL, S3 and Redis URLs: what is understood, what is refused, and that no refusal repeats a password."""

from __future__ import annotations

from collections.abc import Callable
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lightmail.config.addresses import (
    MysqlUrl,
    RedisUrl,
    S3Url,
    hide_secrets,
    parse_mysql,
    parse_redis,
    parse_s3,
)

_TEXT = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=24)
_HOST = st.from_regex(r"[a-z0-9]([a-z0-9.-]{0,20}[a-z0-9])?", fullmatch=True) | st.ip_addresses().map(str)
_PORT = st.integers(1, 65535)


def _place(host: str, port: int) -> str:
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


@given(
    user=_TEXT,
    password=st.just("") | _TEXT,
    host=_HOST,
    port=_PORT,
    database=st.from_regex(r"\w{1,20}", fullmatch=True),
)
def test_mysql_round_trip(user: str, password: str, host: str, port: int, database: str) -> None:
    account = quote(user, safe="") + (":" + quote(password, safe="") if password else "")
    text = f"mysql://{account}@{_place(host, port)}/{quote(database)}"
    assert parse_mysql(text) == MysqlUrl(host, port, user, password, database)


@given(
    kind=st.sampled_from(("single", "sentinel", "cluster")),
    nodes=st.lists(st.tuples(_HOST, _PORT), min_size=1, max_size=3),
    user=st.just("") | _TEXT,
    password=_TEXT,
    service=_TEXT,
    database=st.integers(0, 15),
    tls=st.booleans(),
)
def test_redis_round_trip(
    kind: str, nodes: list[tuple[str, int]], user: str, password: str, service: str, database: int, tls: bool
) -> None:
    name = "rediss" if tls else "redis"
    account = f"{quote(user, safe='')}:{quote(password, safe='')}@"
    places = ",".join(_place(*node) for node in nodes)
    if kind == "single":
        text, found = f"{name}://{account}{_place(*nodes[0])}/{database}", tuple(nodes[:1])
        wanted = RedisUrl("single", found, user, password, "", database, tls)
    elif kind == "sentinel":
        text = f"{name}+sentinel://{account}{places}/{quote(service, safe='')}/{database}"
        wanted = RedisUrl("sentinel", tuple(nodes), user, password, service, database, tls)
    else:
        text = f"{name}+cluster://{account}{places}"
        wanted = RedisUrl("cluster", tuple(nodes), user, password, tls=tls)
    assert parse_redis(text) == wanted


@given(
    bucket=st.from_regex(r"[a-z0-9][a-z0-9-]{1,61}[a-z0-9]", fullmatch=True),
    prefix=st.lists(st.from_regex(r"[A-Za-z0-9_-]{1,12}", fullmatch=True), max_size=4).map("/".join),
    slash=st.sampled_from(("", "/")),
)
def test_s3_round_trip(bucket: str, prefix: str, slash: str) -> None:
    assert parse_s3(f"s3://{bucket}/{prefix}{slash}") == S3Url(bucket, prefix)


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("mysql://lm@db/mail", MysqlUrl("db", 3306, "lm", "", "mail")),
        ("mariadb://lm:p@db:3307/mail", MysqlUrl("db", 3307, "lm", "p", "mail")),
        ("mysql://lm:p%40%2F%3A@[::1]/mail", MysqlUrl("::1", 3306, "lm", "p@/:", "mail")),
        ("mysql://lm:p@ss/w:rd@db/mail", MysqlUrl("db", 3306, "lm", "p@ss/w:rd", "mail")),
        (
            "mysql://lm:p@/mail?socket=/run/mysqld/mysqld.sock",
            MysqlUrl("localhost", 3306, "lm", "p", "mail", "/run/mysqld/mysqld.sock"),
        ),
        ("mysql://lm@db/mail?socket=%2Frun%2Fa%20b", MysqlUrl("db", 3306, "lm", "", "mail", "/run/a b")),
    ],
)
def test_mysql_forms(text: str, wanted: MysqlUrl) -> None:
    assert parse_mysql(text) == wanted


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("redis://cache", RedisUrl("single", (("cache", 6379),))),
        ("redis://cache:6380/2", RedisUrl("single", (("cache", 6380),), database=2)),
        ("redis://cache?db=3", RedisUrl("single", (("cache", 6379),), database=3)),
        ("redis://:p@cache/", RedisUrl("single", (("cache", 6379),), password="p")),
        ("rediss://u:p@[fe80::1]:1", RedisUrl("single", (("fe80::1", 1),), "u", "p", tls=True)),
        ("unix:///run/redis.sock?db=1", RedisUrl("single", (), database=1, socket="/run/redis.sock")),
        ("unix://u:p@/run/redis.sock", RedisUrl("single", (), "u", "p", socket="/run/redis.sock")),
        (
            "redis+sentinel://a,b:26380/mymaster",
            RedisUrl("sentinel", (("a", 26379), ("b", 26380)), service="mymaster"),
        ),
        (
            "rediss+sentinel://u:p@a/mymaster/4",
            RedisUrl("sentinel", (("a", 26379),), "u", "p", "mymaster", 4, tls=True),
        ),
        ("redis+cluster://a,b:7000", RedisUrl("cluster", (("a", 6379), ("b", 7000)))),
        ("redis+cluster://a/0", RedisUrl("cluster", (("a", 6379),))),
    ],
)
def test_redis_forms(text: str, wanted: RedisUrl) -> None:
    assert parse_redis(text) == wanted


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("postgres://u:SECRET@h/d", "begins with none of mysql://, mariadb://"),
        ("mysql:u:SECRET@h/d", "begins with none of"),
        ("mysql://h/d", "names no user"),
        ("mysql://u:SECRET@h", "names no database"),
        ("mysql://u:SECRET@h/a/b", "names no database"),
        ("mysql://u:SECRET/d", "names no user"),
        ("mysql://u:SECRET@/d", "there is no host"),
        ("mysql://u:SECRET@::1/d", "IPv6 stands in brackets"),
        ("mysql://u:SECRET@h:x/d", "not a number from 1 to 65535"),
        ("mysql://u:SECRET@h:0/d", "not a number from 1 to 65535"),
        ("mysql://u:SECRET@h:65536/d", "not a number from 1 to 65535"),
        ("mysql://u:SECRET@h/d?charset=SECRET", "the only thing known after ? is socket="),
        ("mysql://u:SECRET@h/d?socket=run", "not an absolute path"),
        ("mysql://u:SECRET%ff@h/d", "not UTF-8"),
        ("mysql://u:SECRET%@h/d", "written %25"),
        ("mysql://u:SECRET%4@h/d", "written %25"),
    ],
)
def test_mysql_refusals(text: str, said: str) -> None:
    _refused(parse_mysql, text, said)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("http://u:SECRET@h", "begins with none of redis://"),
        ("redis+other://u:SECRET@h", "begins with none of redis://"),
        ("redis://u:SECRET@", "there is no host"),
        ("redis://u:SECRET", "not a number from 1 to 65535"),
        ("redis://u:SECRET@a,b", "several hosts are"),
        ("redis://u:SECRET@h/x", "the database is not a number"),
        ("redis://u:SECRET@h/1/2", "more in the path"),
        ("redis://u:SECRET@h/1?db=2", "more in the path"),
        ("redis://u:SECRET@h?password=SECRET", "the only thing known after ? is db="),
        ("unix://u:SECRET@run/redis.sock", "not an absolute path"),
        ("unix://", "not an absolute path"),
        ("redis+sentinel://u:SECRET@a,b", "names no service"),
        ("redis+sentinel://u:SECRET@a,/m", "there is no host"),
        ("redis+sentinel://u:SECRET@a/m/1/2", "more in the path"),
        ("redis+cluster://u:SECRET@a/1", "a cluster has only database 0"),
    ],
)
def test_redis_refusals(text: str, said: str) -> None:
    _refused(parse_redis, text, said)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("s3:bucket", "begins with none of s3://"),
        ("s3://", "the bucket's name is not"),
        ("s3://ab", "the bucket's name is not"),
        ("s3://a..b", "the bucket's name is not"),
        ("s3://KEY:SECRET@bucket", "keys and options stand in the section s3"),
        ("s3://bucket?region=SECRET", "keys and options stand in the section s3"),
        ("s3://bucket/a//b", "cannot be a prefix"),
        ("s3://bucket/a b", "cannot be a prefix"),
        ("s3://bucket/../b", '".." are no names'),
        ("s3://bucket/" + "a" * 513, "cannot be a prefix"),
    ],
)
def test_s3_refusals(text: str, said: str) -> None:
    _refused(parse_s3, text, said)


def _refused(parse: Callable[[str], object], text: str, said: str) -> None:
    with pytest.raises(ValueError, match=r"expected|are no names|not UTF-8|written %25") as caught:
        parse(text)
    assert said in str(caught.value)
    assert "SECRET" not in str(caught.value)


@given(
    password=st.text(st.characters(exclude_categories=["Cs"]), min_size=8), scheme=st.sampled_from(("mysql", "rediss"))
)
def test_no_password_is_shown(password: str, scheme: str) -> None:
    marked = "SECRET" + password + "SECRET"
    shown = hide_secrets(f"{scheme}://u:{marked}@h:1/d")
    assert shown == f"{scheme}://u:***@h:1/d"
    assert marked not in repr(parse_redis(f"redis://u:{quote(marked, safe='')}@h"))
    assert marked not in repr(parse_mysql(f"mysql://u:{quote(marked, safe='')}@h/d"))
