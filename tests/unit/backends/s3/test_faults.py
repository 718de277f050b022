"""Bad networks and bad days: nothing half-written is seen, nothing waits beyond its deadline, nothing foreign is raised."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

import pytest
import structlog

from lightmail.backends.s3 import S3Blobs
from lightmail.config.addresses import S3Url
from lightmail.errors import Unavailable
from lightmail.ports.blobs import BlobNotFound
from tests.support.aio import run
from tests.support.backends import s3_options
from tests.support.services import S3Server, Services
from tests.unit.backends.s3.stores import answer, blobs_answered, blobs_behind, blobs_on, keys_of

PART_OCTETS = 5_242_880
TEN_KB = os.urandom(10_240)


def test_cut_in_the_middle_of_a_put(services: Services) -> None:
    async def body() -> None:
        async with blobs_behind(services.s3) as (blobs, proxy):
            await blobs.put("ab/warm", b"x")
            for after in (0, 300, 5_000, 10_000):
                proxy.cut("up", after)
                await blobs.put(f"ab/{after}", TEN_KB)
                assert not proxy.pending
                assert await blobs.read(f"ab/{after}", 0, 20_000) == TEN_KB

    run(body())


def test_cut_in_every_part_of_an_answer(services: Services) -> None:
    async def body() -> None:
        async with blobs_behind(services.s3) as (blobs, proxy):
            await blobs.put("ab/1", TEN_KB)
            for after in (0, 1, 200, 900, 5_000, 10_500):
                proxy.cut("down", after)
                assert await blobs.read("ab/1", 100, 10_000) == TEN_KB[100:10_100]
                assert not proxy.pending
                assert await keys_of(blobs) == ["ab/1"]

    run(body())


@pytest.mark.parametrize("lost", [b"PUT /", b"POST /"])
def test_the_answer_to_a_write_is_lost(services: Services, lost: bytes) -> None:
    async def body() -> None:
        async with blobs_behind(services.s3) as (blobs, proxy):
            proxy.lose_answer(lost)
            if lost == b"PUT /":
                await blobs.put("ab/1", TEN_KB)
            else:
                await blobs.put("ab/0", TEN_KB)
                await blobs.delete(["ab/0"])
                await blobs.put("ab/1", TEN_KB)
            assert not proxy.pending
            assert await keys_of(blobs) == ["ab/1"]

    run(body())


def test_the_answer_to_the_end_of_an_upload_is_lost(services: Services) -> None:
    """The second attempt is told that there is no such upload; the object says that it is complete."""

    async def body() -> None:
        async with blobs_behind(services.s3, part_octets=PART_OCTETS) as (blobs, proxy):
            octets = os.urandom(2 * PART_OCTETS + 5)
            writer = await blobs.create("ab/1")
            await writer.write(octets)
            proxy.lose_answer(b"?uploadId=")
            await writer.commit()
            assert not proxy.pending
            assert blobs.requests["complete_multipart"] == 2
            assert blobs.requests["head"] == 1
            assert await blobs.read("ab/1", 0, len(octets)) == octets

    run(body())


def test_an_upload_over_a_bad_connection(services: Services) -> None:
    async def body() -> None:
        async with blobs_behind(services.s3, part_octets=PART_OCTETS) as (blobs, proxy):
            octets = os.urandom(4 * PART_OCTETS)
            writer = await blobs.create("ab/1")
            for at in range(0, len(octets), 1_000_000):
                if at % 6_000_000 == 0:
                    proxy.cut("up", 777_777)
                await writer.write(octets[at : at + 1_000_000])
            assert await keys_of(blobs) == []
            await writer.commit()
            assert blobs.counts.retries["upload_part"] >= 1
            assert await blobs.read("ab/1", 0, len(octets)) == octets

    run(body())


def test_octets_damaged_on_their_way_up_are_refused_and_sent_again(services: Services) -> None:
    async def body() -> None:
        async with blobs_behind(services.s3, part_octets=PART_OCTETS) as (blobs, proxy):
            proxy.damage("up", 5_000)
            await blobs.put("ab/1", TEN_KB)
            assert blobs.counts.retries["put"] == 1
            assert await blobs.read("ab/1", 0, 20_000) == TEN_KB

    run(body())


def test_a_connection_that_stalls(services: Services) -> None:
    async def body() -> None:
        async with blobs_behind(services.s3, attempt_timeout_s=0.5, total_timeout_s=1.0) as (blobs, proxy):
            await blobs.put("ab/1", TEN_KB)
            proxy.stall()
            loop = asyncio.get_running_loop()
            for ask in (
                lambda: blobs.put("ab/2", TEN_KB),
                lambda: blobs.read("ab/1", 0, 5),
                lambda: blobs.delete(["ab/none"]),
                lambda: keys_of(blobs),
            ):
                begun_s = loop.time()
                with pytest.raises(Unavailable, match="does not answer in time"):
                    await ask()
                assert loop.time() - begun_s < 60
            proxy.flow()
            assert await blobs.read("ab/1", 0, 5) == TEN_KB[:5]

    run(body())


def test_no_more_than_three_parts_wait_for_a_store_that_stalls(services: Services) -> None:
    async def body() -> None:
        async with blobs_behind(services.s3, part_octets=PART_OCTETS) as (blobs, proxy):
            taken = 0

            async def write() -> None:
                nonlocal taken
                for _ in range(40):
                    await writer.write(bytes(1_000_000))
                    taken += 1_000_000

            writer = await blobs.create("ab/1")
            await writer.write(bytes(3 * PART_OCTETS + 1))
            proxy.stall()
            writing = asyncio.create_task(write())
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(asyncio.shield(writing), 0.5)
            assert taken <= 3 * PART_OCTETS
            proxy.flow()
            await writing
            await writer.commit()
            assert len(await blobs.read("ab/1", 0, 100_000_000)) == 3 * PART_OCTETS + 40_000_001

    run(body())


def test_all_uploads_together_hold_no_more_than_they_may(services: Services) -> None:
    """However many clients begin large messages, and go on slowly or not at all (law 7)."""

    async def body() -> None:
        options = {"part_octets": PART_OCTETS, "upload_octets": 2 * PART_OCTETS - 1, "total_timeout_s": 0.5}
        async with blobs_on(services.s3, **options) as blobs:
            slow, late, small = [await blobs.create(f"ab/{number}") for number in range(3)]
            await slow.write(bytes(2_000_000))
            with pytest.raises(Unavailable, match="too many large messages"):
                await late.write(bytes(2_000_000))
            await late.abort()
            await small.write(bytes(1_000_000))
            await small.commit()

            octets = os.urandom(2 * PART_OCTETS + 5)
            next_one = await blobs.create("ab/next")
            waiting = asyncio.create_task(next_one.write(octets))
            await slow.abort()
            await waiting
            await next_one.commit()
            assert await blobs.read("ab/next", 0, len(octets)) == octets, "one part at a time is enough"

            again = await blobs.create("ab/again")
            await again.write(bytes(2_000_000))
            await again.commit()
            assert sorted(await keys_of(blobs)) == ["ab/2", "ab/again", "ab/next"]

    run(body())


def test_all_requests_wait_and_none_waits_for_ever(services: Services) -> None:
    """More than may be asked at once, of a store that stalls: those who wait for their turn have deadlines too."""

    async def body() -> None:
        options = {"attempt_timeout_s": 0.5, "total_timeout_s": 1.0, "requests": 4}
        async with blobs_behind(services.s3, **options) as (blobs, proxy):
            await blobs.put("ab/1", TEN_KB)
            proxy.stall()
            reads = [blobs.read("ab/1", 0, 5, account=number % 3) for number in range(50)]
            told = await asyncio.wait_for(asyncio.gather(*reads, return_exceptions=True), 60)
            assert all(isinstance(answer, Unavailable) for answer in told)
            assert proxy.connections <= 30
            proxy.flow()
            assert await blobs.read("ab/1", 0, 5) == TEN_KB[:5]

    run(body())


def test_a_caller_that_gives_up(services: Services) -> None:
    async def body() -> None:
        async with blobs_behind(services.s3, requests=1) as (blobs, proxy):
            await blobs.put("ab/1", TEN_KB)
            proxy.stall()
            tasks = [asyncio.create_task(blobs.read("ab/1", 0, 5, account=number)) for number in range(5)]
            await asyncio.sleep(0)
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            assert all(task.cancelled() for task in tasks)
            proxy.flow()
            assert await blobs.read("ab/1", 0, 5) == TEN_KB[:5]

    run(body())


def test_a_server_that_is_stopped_frozen_and_started_again(tmp_path: Path) -> None:
    async def body() -> None:
        with S3Server(tmp_path) as server:
            options = s3_options(server, attempt_timeout_s=1.0, total_timeout_s=2.0)
            blobs = await S3Blobs.open(S3Url(server.new_bucket(), ""), options)
            await blobs.put("ab/1", TEN_KB)
            server.freeze()
            with pytest.raises(Unavailable):
                await blobs.read("ab/1", 0, 5)
            server.thaw()
            assert await blobs.read("ab/1", 0, 5) == TEN_KB[:5]
            server.stop()
            for _ in range(2):
                with pytest.raises(Unavailable, match="no connection"):
                    await blobs.put("ab/2", TEN_KB)
                with pytest.raises(Unavailable, match="no connection"):
                    await blobs.read("ab/1", 0, 5)
            server.start()
            assert await blobs.read("ab/1", 0, 5) == TEN_KB[:5]
            with pytest.raises(BlobNotFound):
                await blobs.read("ab/2", 0, 5)
            await blobs.put("ab/2", TEN_KB)
            await blobs.close()

    run(body())


def test_an_upload_into_a_store_that_goes_away(tmp_path: Path) -> None:
    async def body() -> None:
        with S3Server(tmp_path) as server:
            options = s3_options(server, attempt_timeout_s=0.3, total_timeout_s=0.6)
            bucket = server.new_bucket()
            blobs = await S3Blobs.open(S3Url(bucket, ""), options)
            writer = await blobs.create("ab/1")
            await writer.write(bytes(2 * PART_OCTETS))
            server.stop()
            with pytest.raises(Unavailable):
                await writer.write(bytes(100_000_000))
            await writer.abort()
            late = await blobs.create("ab/2")
            await late.write(b"x")
            with pytest.raises(Unavailable):
                await late.commit()
            await late.abort()
            server.start()
            assert await keys_of(blobs) == []
            await blobs.close()

    run(body())


def test_while_it_is_away_questions_are_answered_sooner(tmp_path: Path) -> None:
    """The first has waited for the whole deadline; those after it try twice."""

    async def body() -> None:
        server = S3Server(tmp_path)
        blobs = await S3Blobs.open(S3Url("b", ""), s3_options(server, total_timeout_s=1.0))
        for _ in range(6):
            with pytest.raises(Unavailable):
                await blobs.read("ab/1", 0, 5)
        first = blobs.requests["get"] - 5 * 2
        assert first >= 2
        await blobs.close()

    run(body())


# ---- what real stores answer on bad days

LIST = b"<ListBucketResult><IsTruncated>false</IsTruncated></ListBucketResult>"


@pytest.mark.parametrize(
    ("refusal", "cause"),
    [
        (answer("403 Forbidden", b"<Error><Code>AccessDenied</Code></Error>"), "access is denied"),
        (answer("403 Forbidden", b"<Error><Code>RequestTimeTooSkewed</Code></Error>"), "its clock and ours differ"),
        (
            answer("301 Moved", b"<Error><Code>PermanentRedirect</Code></Error>", "Location: http://x/"),
            "another region",
        ),
        (answer("404 Not Found", b"<Error><Code>NoSuchBucket</Code></Error>"), "the bucket does not exist"),
        (answer("400 Bad Request", b"<html>"), "it answers 400"),
    ],
)
def test_what_stays_so_is_told_at_once(refusal: bytes, cause: str) -> None:
    async def body() -> None:
        async with blobs_answered(lambda *_: refusal) as blobs:
            for ask in (
                lambda: blobs.put("k", b"x"),
                lambda: blobs.read("k", 0, 1),
                lambda: blobs.delete(["k"]),
                lambda: keys_of(blobs),
            ):
                with pytest.raises(Unavailable, match=cause):
                    await ask()
            assert blobs.requests.total() == 4

    run(body())


@pytest.mark.parametrize(
    "refusal",
    [
        answer("503 Slow Down", b"<Error><Code>SlowDown</Code></Error>"),
        answer("500 Internal Server Error"),
        answer("400 Bad Request", b"<Error><Code>RequestTimeout</Code></Error>"),
        answer("200 OK", b"<html>Welcome to the proxy</html>"),
        b"HTTP/1.1 200 OK\r\nContent-Length: 50\r\nConnection: close\r\n\r\n<ListBucketResult>",
        b"SSH-2.0-OpenSSH_9.6\r\n",
    ],
)
def test_what_passes_is_tried_again(refusal: bytes) -> None:
    async def body() -> None:
        answers = iter([refusal, refusal])
        async with blobs_answered(lambda *_: next(answers, answer("200 OK", LIST)), total_timeout_s=10.0) as blobs:
            assert await keys_of(blobs) == []
            assert blobs.counts.retries["list"] == blobs.counts.errors["list"] == 2

    run(body())


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (answer("206 Partial Content", b"3456", "Content-Range: bytes 3-6/10"), b"3456"),
        (answer("200 OK", b"3456", "Content-Range: bytes 3-6/10"), b"3456"),
        (answer("206 Partial Content", b"3456", "Content-Range: bytes 3-6/*"), b"3456"),
        (answer("206 Partial Content", b"3456789", "Content-Range: bytes 3-9/10"), b"3456"),
        (answer("206 Partial Content", b"345", "Content-Range: bytes 3-5/6"), b"345"),
        (answer("200 OK", b"0123456789"), b"3456"),
        (answer("200 OK", b"01234"), b"34"),
        (answer("200 OK", b"01"), b""),
        (answer("416 Range Not Satisfiable", b"<Error><Code>InvalidRange</Code></Error>"), b""),
    ],
)
def test_ranges_as_stores_give_them(given: bytes, expected: bytes) -> None:
    async def body() -> None:
        async with blobs_answered(lambda *_: given) as blobs:
            assert await blobs.read("k", 3, 4) == expected
            assert blobs.requests.total() == 1

    run(body())


@pytest.mark.parametrize(
    "given",
    [
        answer("206 Partial Content", b"34", "Content-Range: bytes 3-4/10"),
        answer("206 Partial Content", b"0123", "Content-Range: bytes 0-3/10"),
        answer("206 Partial Content", b"3456"),
        answer("206 Partial Content", b"3456", "Content-Range: nonsense"),
    ],
)
def test_ranges_that_are_not_what_was_asked_for(given: bytes) -> None:
    async def body() -> None:
        good = answer("206 Partial Content", b"3456", "Content-Range: bytes 3-6/10")
        answers = iter([given, good])
        async with blobs_answered(lambda *_: next(answers)) as blobs:
            assert await blobs.read("k", 3, 4) == b"3456"
            assert blobs.counts.retries["get"] == 1

    run(body())


def test_a_store_that_takes_no_ranges_is_not_read_to_the_end() -> None:
    """What was asked for, and at most what the connection holds, of an object that is said to have a terabyte."""

    async def body() -> None:
        endless = b"HTTP/1.1 200 OK\r\nContent-Length: 1099511627776\r\n\r\n" + bytes(3_000_000)
        async with blobs_answered(lambda *_: endless) as blobs:
            assert await blobs.read("k", 1_000_000, 4) == bytes(4)
            assert blobs.counts.octets_in == 4

    run(body())


def test_keys_that_cannot_be_deleted() -> None:
    async def body() -> None:
        refusals = iter(
            [
                b"<Error><Key>b</Key><Code>InternalError</Code></Error><Error><Key>c</Key><Code>NoSuchKey</Code></Error>",
                b"",
                b"<Error><Key>a</Key><Code>AccessDenied</Code></Error><Error><Key>b</Key><Code>SlowDown</Code></Error>",
                *[b"<Error><Key>a</Key><Code>SlowDown</Code></Error>"] * 3,
            ]
        )
        asked: list[bytes] = []

        def store(method: str, target: str, headers: dict[str, str], octets: bytes) -> bytes:
            asked.append(octets)
            return answer("200 OK", b"<DeleteResult>" + next(refusals) + b"</DeleteResult>")

        async with blobs_answered(store) as blobs:
            await blobs.delete(["a", "b", "c"])
            assert [octets.count(b"<Key>") for octets in asked] == [3, 1]
            with pytest.raises(Unavailable, match="access is denied"):
                await blobs.delete(["a", "b"])
            with pytest.raises(Unavailable, match="too many requests"):
                await blobs.delete(["a"])

    run(body())


def test_an_upload_that_is_refused_at_its_end() -> None:
    """Status 200, and an error in the body; the upload is then given up."""

    async def body() -> None:
        asked: list[str] = []

        def store(method: str, target: str, headers: dict[str, str], octets: bytes) -> bytes:
            asked.append(method)
            if method == "POST" and "uploadId" in target:
                return answer("200 OK", b"\n \n<?xml version='1.0'?><Error><Code>InvalidPart</Code></Error>")
            return answer("200 OK", b"<R><UploadId>u</UploadId></R>" if method == "POST" else b"", 'ETag: "x"')

        async with blobs_answered(store, part_octets=PART_OCTETS) as blobs:
            writer = await blobs.create("k")
            await writer.write(bytes(PART_OCTETS + 1))
            with pytest.raises(Unavailable, match="InvalidPart"):
                await writer.commit()
            await writer.abort()
            assert blobs.requests["abort_multipart"] == 1
            # The object too, as an end whose answer is lost may have come to pass.
            assert blobs.requests["delete"] == 1

    run(body())


def test_trouble_is_logged_once_and_its_end_too() -> None:
    async def body() -> None:
        bad = answer("403 Forbidden", b"<Error><Code>AccessDenied</Code><Message>you may not</Message></Error>")
        answers = iter([bad, bad])
        async with blobs_answered(lambda *_: next(answers, answer("200 OK", LIST))) as blobs:
            for _ in range(2):
                with pytest.raises(Unavailable):
                    await keys_of(blobs)
            await keys_of(blobs)

    with structlog.testing.capture_logs() as lines:
        run(body())
    assert [line["event"] for line in lines] == ["S3 cannot be used", "S3 can be used again"]
    assert "you may not" in str(lines[0])
