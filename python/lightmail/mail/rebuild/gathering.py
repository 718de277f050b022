"""From the body store into the scratch file: which objects there are, and what manifests say."""

from __future__ import annotations

from lightmail.mail.manifests.covered import relevant
from lightmail.mail.manifests.lines import BadManifest, Head, lines_of
from lightmail.mail.manifests.objects import PREFIX, Manifest, manifests_of, read_head, read_text
from lightmail.mail.rebuild.report import Progress, RebuildReport
from lightmail.mail.rebuild.scratch import Scratch
from lightmail.ports.blobs import BlobNotFound, BlobStore, StoredObject

_PAGE = 1_000


async def gather_objects(blobs: BlobStore, scratch: Scratch, report: RebuildReport, progress: Progress) -> None:
    """All but manifests. Raises Unavailable."""
    page: list[StoredObject] = []
    async for each in blobs.objects():
        if each.key.startswith(PREFIX):
            continue
        page.append(each)
        if len(page) == _PAGE:
            await scratch.add_objects(page)
            report.objects += len(page)
            progress("listing objects", report.objects, 0)
            page = []
    await scratch.add_objects(page)
    report.objects += len(page)
    progress("listing objects", report.objects, report.objects)


async def gather_manifests(blobs: BlobStore, scratch: Scratch, report: RebuildReport, progress: Progress) -> None:
    """Those of `report.store`; one that cannot be read is told, and the others count. Raises Unavailable."""
    heads: list[tuple[Manifest, Head]] = []
    for manifest in await manifests_of(blobs, report.store):
        try:
            heads.append((manifest, await read_head(blobs, manifest)))
        except (BlobNotFound, BadManifest) as error:
            report.unreadable.append(f"{manifest.key}: {_problem(error)}")
    wanted = relevant(heads)
    for number, (manifest, head) in enumerate(wanted, 1):
        try:
            await scratch.add_head(head)
            await scratch.add_lines(lines_of(await read_text(blobs, manifest)))
        except (BlobNotFound, BadManifest) as error:
            report.unreadable.append(f"{manifest.key}: {_problem(error)}")
        report.manifests += 1
        report.told_until_s = max(report.told_until_s, head.started_s)
        progress("reading manifests", number, len(wanted))
    await scratch.settle()


def _problem(error: BlobNotFound | BadManifest) -> str:
    return "it is missing" if isinstance(error, BlobNotFound) else str(error)
