"""S3Blobs on a real server: how many requests it takes, and what becomes of an object's metadata and options."""

from __future__ import annotations

import asyncio
import gc
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import trustme

from lightmail.backends.s3 import S3Blobs, check
from lightmail.config.addresses import S3Url
from lightmail.config.sections import S3
from lightmail.errors import ConfigError, Unavailable
from lightmail.net.eager import start
from lightmail.obs.families import exposition
from lightmail.obs.metrics import Counts, families
from lightmail.ports.blobs import BlobNotFound
from tests.support.aio import run
from tests.support.backends import s3_options
from tests.support.services import S3Server, Services
from tests.unit.backends.s3.stores import answer, blobs_answered, blobs_on, keys_of

PART_OCTETS = 5_242_880


def test_one_request_each(services: Services) -> None:
    async def body() -> None:
        async with blobs_on(services.s3) as blobs:
            writer = await blobs.create("ab/streamed")
            await writer.write(b"x" * PART_OCTETS)
            await writer.commit()
            await blobs.put("ab/put", b"x")
            await blobs.read("ab/put", 0, 1)
            await blobs.read("ab/put", 0, 0)
            with pytest.raises(BlobNotFound):
                await blobs.read("ab/none", 0, 1)
            await blobs.delete([f"ab/{number}" for number in range(1001)])
            assert await keys_of(blobs) == ["ab/put", "ab/streamed"]
            assert blobs.requests == {"put": 2, "get": 2, "delete": 2, "list": 1}
            assert not blobs.counts.errors and not blobs.counts.retries
            assert blobs.counts.octets_in == 1

    run(body())


def test_an_upload_in_parts(services: Services) -> None:
    async def body() -> None:
        async with blobs_on(services.s3) as blobs:
            writer = await blobs.create("ab/streamed")
            for _ in range(3):
                await writer.write(b"x" * 4_000_000)
            await writer.commit()
            assert blobs.requests == {"create_multipart": 1, "upload_part": 3, "complete_multipart": 1}
            with pytest.raises(ValueError, match="complete"):
                await writer.write(b"x")
            with pytest.raises(ValueError, match="complete"):
                await writer.commit()

    run(body())


def test_what_is_given_up_is_given_up_in_the_store_too(services: Services) -> None:
    def uploads(bucket: str) -> int:
        try:
            return services.s3.ask("GET", f"/{bucket}/", ("uploads", ""))[1].count(b"<UploadId>")
        except RuntimeError as error:
            # rclone's way of saying that there are none.
            if "NoSuchUpload" not in str(error):
                raise
            return 0

    async def body() -> None:
        bucket = services.s3.new_bucket()
        async with blobs_on(services.s3, bucket) as blobs:
            writer = await blobs.create("ab/streamed")
            # The third part waits for one of the first two.
            await writer.write(b"x" * 3 * PART_OCTETS + b"x")
            assert uploads(bucket) == 1
            await writer.abort()
            assert uploads(bucket) == 0
            with pytest.raises(ValueError, match="given up"):
                await writer.write(b"x")

    run(body())


def test_more_keys_than_a_page_holds(services: Services) -> None:
    async def body() -> None:
        async with blobs_on(services.s3) as blobs:
            keys = [f"{number % 256:02x}/{number:08x}" for number in range(1005)]
            await asyncio.gather(*(blobs.put(key, b"") for key in keys))
            assert sorted(await keys_of(blobs)) == sorted(keys)
            assert blobs.requests["list"] == 2

    run(body())


def test_prefixes_keep_stores_apart(services: Services) -> None:
    async def body() -> None:
        bucket = services.s3.new_bucket()
        async with blobs_on(services.s3, bucket) as whole:
            part = await S3Blobs.open(S3Url(bucket, "one/store"), s3_options(services.s3))
            await part.put("ab/1", b"one")
            await whole.put("ab/1", b"two")
            assert await keys_of(part) == ["ab/1"]
            assert await keys_of(whole) == ["ab/1", "one/store/ab/1"]
            await part.delete(["ab/1"])
            assert await keys_of(whole) == ["ab/1"]
            await part.close()

    run(body())


def test_what_an_object_is_about_is_kept_beside_it(services: Services) -> None:
    async def body() -> None:
        bucket = services.s3.new_bucket()
        about = {"mailbox": "Entwürfe", "uid_validity": "7"}
        async with blobs_on(services.s3, bucket) as blobs:
            await blobs.put("ab/put", b"x", about=about)
            writer = await blobs.create("ab/streamed", about=about)
            await writer.write(b"x" * 6_000_000)
            await writer.commit()
        for key in ("ab/put", "ab/streamed"):
            headers, _ = services.s3.ask("HEAD", f"/{bucket}/{key}")
            assert headers["x-amz-meta-mailbox"] == "Entw%C3%BCrfe"
            assert headers["x-amz-meta-uid-validity"] == "7"

    run(body())


def test_how_objects_are_to_be_kept_is_said_with_every_write() -> None:
    asked: list[tuple[str, dict[str, str]]] = []

    def store(method: str, target: str, headers: dict[str, str], body: bytes) -> bytes:
        asked.append((f"{method} {target.partition('=')[0]}", headers))
        return answer("200 OK", b"<R><UploadId>u</UploadId></R>" if method == "POST" else b"", 'ETag: "x"')

    async def body() -> None:
        options = {"encryption": "aws:kms", "kms_key": "key/1", "storage_class": "STANDARD_IA"}
        async with blobs_answered(store, **options, part_octets=PART_OCTETS) as blobs:
            await blobs.put("k", b"x")
            writer = await blobs.create("k")
            await writer.write(b"x" * 11_000_000)
            await writer.commit()

    run(body())
    writes = [headers for target, headers in asked if target in ("PUT /mail/k", "POST /mail/k?uploads")]
    assert len(writes) == 2
    for headers in writes:
        assert headers["x-amz-server-side-encryption"] == "aws:kms"
        assert headers["x-amz-server-side-encryption-aws-kms-key-id"] == "key/1"
        assert headers["x-amz-storage-class"] == "STANDARD_IA"
    parts = [headers for target, headers in asked if target == "PUT /mail/k?partNumber"]
    assert len(parts) == 3
    assert all("x-amz-storage-class" not in headers and "content-md5" in headers for headers in parts)


def test_writes_are_verified_when_asked_for(services: Services) -> None:
    async def body() -> None:
        async with blobs_on(services.s3, verify_writes=True) as blobs:
            await blobs.put("ab/put", b"x")
            writer = await blobs.create("ab/streamed")
            await writer.write(b"x" * 6_000_000)
            await writer.commit()
            assert blobs.requests["head"] == 2

    run(body())


@pytest.mark.parametrize(
    ("found", "problem"),
    [
        (answer("404 Not Found"), "is not there"),
        (answer("200 OK", b"", 'ETag: "other"'), "is not as it was written"),
    ],
)
def test_a_store_that_loses_what_it_took(found: bytes, problem: str) -> None:
    async def body() -> None:
        def store(method: str, target: str, headers: dict[str, str], octets: bytes) -> bytes:
            return found if method == "HEAD" else answer("200 OK", b"", 'ETag: "x"')

        async with blobs_answered(store, verify_writes=True) as blobs:
            with pytest.raises(Unavailable, match=problem):
                await blobs.put("k", b"")

    run(body())


def test_requests_are_bounded_and_shared_between_accounts(services: Services) -> None:
    async def body() -> None:
        async with blobs_on(services.s3, requests=2) as blobs:
            await blobs.put("k", b"x")
            order: list[int] = []

            async def read(account: int) -> None:
                await blobs.read("k", 0, 1, account=account)
                order.append(account)

            many = [asyncio.create_task(read(1)) for _ in range(200)]
            await asyncio.wait(many, return_when=asyncio.FIRST_COMPLETED)
            before = len(order)
            await asyncio.create_task(read(2))
            # Two were under way, and of a round of two accounts one goes first.
            assert order.index(2) - before <= 4
            await asyncio.gather(*many)

    run(body())


def test_at_the_first_step_of_a_command(services: Services) -> None:
    """Commands are stepped once outside any task (docs/adr/0005)."""

    async def body() -> None:
        async with blobs_on(services.s3) as blobs:
            await blobs.put("k", b"octets")
            done: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()

            async def work() -> None:
                done.set_result(await blobs.read("k", 0, 6))

            def step() -> None:
                started = start(work(), asyncio.get_running_loop())
                assert started is not None
                tasks.append(started)

            tasks: list[asyncio.Task[None]] = []
            asyncio.get_running_loop().call_soon(step)
            assert await done == b"octets"

    run(body())


def test_metrics(services: Services) -> None:
    async def body() -> None:
        counts = Counts()
        async with blobs_on(services.s3) as blobs:
            blobs.counts.told_with(counts)
            await blobs.put("k", b"octets")
            text = exposition(families(counts)).decode()
        assert 'lightmail_s3_requests_total{of="put"} 1.0' in text
        assert 'lightmail_s3_requests_total{of="get"} 0.0' in text
        assert 'lightmail_s3_octets_total{of="out"} 6.0' in text

    run(body())


def test_check_says_what_works(services: Services) -> None:
    async def body() -> None:
        bucket = services.s3.new_bucket()
        said = [sentence async for sentence in check(S3Url(bucket, "mail"), s3_options(services.s3))]
        assert [sentence.partition(" (")[0] for sentence in said] == [
            f"bucket {bucket} can be listed",
            "an object can be written",
            "a range of it can be read",
            "it can be deleted",
        ]
        async with blobs_on(services.s3, bucket) as blobs:
            assert await keys_of(blobs) == []

    run(body())


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        ({"secret_key": "wrong"}, "the secret key or the region is wrong"),
        ({"access_key": "UNKNOWN"}, "the access key is not known to it"),
        ({"bucket": "no-such-bucket"}, "the bucket does not exist"),
        ({"endpoint": "http://127.0.0.1:1"}, "no connection"),
    ],
)
def test_check_says_what_is_wrong(services: Services, options: dict[str, Any], problem: str) -> None:
    async def body() -> None:
        bucket = options.pop("bucket", services.s3.new_bucket())
        async with asyncio.timeout(15):  # less than s3.total_timeout_s
            with pytest.raises(Unavailable, match=problem):
                async for _ in check(S3Url(bucket, ""), s3_options(services.s3, attempt_timeout_s=0.5, **options)):
                    pass

    run(body())


def test_opening_needs_no_store() -> None:
    async def body() -> None:
        nowhere = S3(endpoint="http://127.0.0.1:1", access_key="A", secret_key="S", total_timeout_s=0.3)
        blobs = await S3Blobs.open(S3Url("b", ""), nowhere)
        with pytest.raises(Unavailable):
            await blobs.read("k", 0, 1)
        await blobs.close()
        await blobs.close()
        with pytest.raises(Unavailable, match="closed"):
            await blobs.read("k", 0, 1)

    run(body())


def test_other_credentials_than_ours_are_aioboto3s(
    services: Services, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """From the environment, and from a profile; the region too."""

    async def body(profile: str) -> None:
        options = s3_options(services.s3, access_key="", secret_key="", profile=profile)
        blobs = await S3Blobs.open(S3Url(services.s3.new_bucket(), ""), options)
        await blobs.put("k", b"octets")
        assert await blobs.read("k", 0, 6) == b"octets"
        await blobs.close()

    server = services.s3
    shared = tmp_path / "credentials"
    shared.write_text(f"[mail]\naws_access_key_id = {server.access_key}\naws_secret_access_key = {server.secret_key}\n")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(shared))
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "none"))
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    run(body("mail"))
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", server.access_key)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", server.secret_key)
    run(body(""))


def test_no_credentials_anywhere(services: Services, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    async def body() -> None:
        options = s3_options(services.s3, access_key="", secret_key="")
        blobs = await S3Blobs.open(S3Url("b", ""), options)
        with pytest.raises(Unavailable, match="there are no credentials"):
            await blobs.read("k", 0, 1)
        assert not blobs.counts.retries
        await blobs.close()
        with pytest.raises(ConfigError, match=r"s3\.profile"):
            await S3Blobs.open(S3Url("b", ""), s3_options(services.s3, access_key="", profile="nobody"))

    for name in ("AWS_SHARED_CREDENTIALS_FILE", "AWS_CONFIG_FILE"):
        monkeypatch.setenv(name, str(tmp_path / "none"))
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    run(body())


def test_keys_of_our_own_load_no_botocore() -> None:
    program = (
        "import asyncio, sys\n"
        "from lightmail.backends.s3 import S3Blobs\n"
        "from lightmail.config.sections import S3\n"
        "from lightmail.config.addresses import S3Url\n"
        "async def work():\n"
        "    await (await S3Blobs.open(S3Url('b', ''), S3(access_key='A', secret_key='S'))).close()\n"
        "asyncio.run(work())\n"
        "sys.exit('botocore' in sys.modules)\n"
    )
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0


@pytest.mark.parametrize("options", [{"endpoint": "minio:9000"}, {"ca": "/no/such.pem"}])
def test_what_cannot_be_configured(options: dict[str, str]) -> None:
    async def body() -> None:
        with pytest.raises(ConfigError, match=f"s3.{next(iter(options))}"):
            await S3Blobs.open(S3Url("b", ""), S3(access_key="A", secret_key="S", **options))  # type: ignore[arg-type]

    run(body())


class OtherServer(S3Server):
    """With options of rclone's own."""

    def __init__(self, folder: Path, *options: str) -> None:
        super().__init__(folder)
        self._options = options

    def command(self) -> list[str]:
        return [*super().command(), *self._options]


@pytest.fixture(scope="module")
def tls_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[S3Server, str]]:
    """A server with TLS, and the CA file that its certificate needs."""
    folder = tmp_path_factory.mktemp("tls")
    authority = trustme.CA()
    certificate = authority.issue_cert("127.0.0.1")
    certificate.cert_chain_pems[0].write_to_path(folder / "cert.pem")
    certificate.private_key_pem.write_to_path(folder / "key.pem")
    authority.cert_pem.write_to_path(folder / "ca.pem")
    server = OtherServer(folder, "--cert", str(folder / "cert.pem"), "--key", str(folder / "key.pem"))
    server.bucket_folder("mail").mkdir()
    with server:
        yield server, str(folder / "ca.pem")


def test_tls_with_a_ca_of_our_own(tls_server: tuple[S3Server, str]) -> None:
    server, ca = tls_server

    async def body() -> None:
        endpoint = f"https://127.0.0.1:{server.port}"
        async with blobs_on(server, "mail", endpoint=endpoint, ca=ca) as blobs:
            await blobs.put("k", b"x" * 1_000_000)
            assert await blobs.read("k", 999_990, 100) == b"x" * 10
        async with blobs_on(server, "mail", endpoint=endpoint) as blobs:
            with pytest.raises(
                Unavailable, match="its certificate is not accepted: unable to get local issuer certificate"
            ):
                await blobs.read("k", 0, 1)
            assert not blobs.counts.retries
        gc.collect()

    run(body())


def test_the_bucket_in_the_host_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """On a loop of the standard library, whose name look-up can be ours."""
    look_up = socket.getaddrinfo

    def on_loopback(host: str, *values: Any, **options: Any) -> Any:
        return look_up("127.0.0.1" if host == "mail.s3.example.org" else host, *values, **options)

    async def body() -> None:
        endpoint = f"http://s3.example.org:{server.port}"
        async with blobs_on(server, "mail", endpoint=endpoint, style="host") as blobs:
            await blobs.put("ab/1", b"octets")
            assert await blobs.read("ab/1", 2, 3) == b"tet"
            assert await keys_of(blobs) == ["ab/1"]
            await blobs.delete(["ab/1"])
            assert await keys_of(blobs) == []

    monkeypatch.setattr(socket, "getaddrinfo", on_loopback)
    server = OtherServer(tmp_path, "--force-path-style=false")
    server.bucket_folder("mail").mkdir()
    with server:
        asyncio.run(body())
