// An ordinary session of imapflow, and a QRESYNC one that comes back to what has changed meanwhile.
// Connects as the environment says; whatever is not as it should be ends the program with an error.

import assert from 'node:assert/strict';
import { once } from 'node:events';
import { ImapFlow } from 'imapflow';

const { IMAP_HOST: host, IMAP_PORT: port, IMAP_USER: user, IMAP_PASSWORD: pass } = process.env;

const connect = async (options = {}) => {
    const client = new ImapFlow({
        host,
        port: Number(port),
        secure: false,
        auth: { user, pass },
        tls: { rejectUnauthorized: false },
        logger: false,
        ...options
    });
    await client.connect();
    return client;
};

// An attachment of more octets than imapflow fetches at a time (64 KiB), so that it asks past the end.
const attachment = Buffer.alloc(150_001, 'imapflow ');
const base64 = attachment.toString('base64').replace(/(.{76})/g, '$1\r\n');
const message = number =>
    Buffer.from(
        [
            'From: Flow <flow@example.org>',
            'To: ann@example.org',
            `Subject: =?utf-8?q?imapfl=C3=B6w?= ${number}`,
            `Date: Mon, 1 Jan 2024 00:00:0${number} +0000`,
            `Message-ID: <flow-${number}@example.org>`,
            'MIME-Version: 1.0',
            'Content-Type: multipart/mixed; boundary=b',
            '',
            '--b',
            'Content-Type: text/plain; charset=utf-8',
            '',
            `text of ${number}`,
            '--b',
            'Content-Type: application/octet-stream; name=large.bin',
            'Content-Disposition: attachment; filename=large.bin',
            'Content-Transfer-Encoding: base64',
            '',
            base64,
            '--b--',
            ''
        ].join('\r\n')
    );

const octets = async stream => {
    const chunks = [];
    for await (const chunk of stream) {
        chunks.push(chunk);
    }
    return Buffer.concat(chunks);
};

const client = await connect();
assert.equal(client.secureConnection, true, 'STARTTLS was used');

// mailboxes
assert.equal((await client.mailboxCreate(['Flöw', 'Deep'])).created, true);
const listed = await client.list({ statusQuery: { messages: true, unseen: true, uidNext: true } });
assert.equal(listed.find(each => each.path === 'INBOX').status.messages, 0);
assert.ok(listed.some(each => each.path === 'Flöw/Deep'));
assert.ok(listed.find(each => each.specialUse === '\\Trash'));

// messages come and are read
const appended = [];
for (const number of [1, 2, 3, 4]) {
    appended.push(await client.append('INBOX', message(number), number % 2 ? ['\\Seen'] : [], new Date(2024, 0, number)));
}
assert.deepEqual(appended.map(each => each.uid), [1, 2, 3, 4]);
let opened = await client.mailboxOpen('INBOX');
assert.equal(opened.exists, 4);
assert.deepEqual(await client.search({ seen: false }, { uid: true }), [2, 4]);
assert.deepEqual(await client.search({ subject: 'imapflöw', larger: 1000, since: new Date(2023, 0, 1) }, { uid: true }), [1, 2, 3, 4]);
assert.deepEqual(await client.search({ or: [{ uid: '1' }, { header: { 'message-id': 'flow-3' } }] }, { uid: true }), [1, 3]);
const first = await client.fetchOne('1', { uid: true, envelope: true, bodyStructure: true, flags: true, internalDate: true, size: true });
assert.equal(first.envelope.subject, 'imapflöw 1');
assert.equal(first.size, message(1).length);
assert.equal(first.bodyStructure.childNodes[1].dispositionParameters.filename, 'large.bin');
const { content } = await client.download('2', '2', { uid: true });
assert.ok((await octets(content)).equals(attachment), 'an attachment comes in pieces');
assert.ok((await octets((await client.download('2', undefined, { uid: true })).content)).equals(message(2)));
assert.deepEqual((await client.fetchAll('1:*', { headers: ['subject'], flags: true })).map(each => each.flags.has('\\Seen')), [true, false, true, false]);

// flags and moves
await client.messageFlagsAdd('2', ['\\Flagged', '$Label1'], { uid: true });
assert.deepEqual(await client.search({ flagged: true, keyword: '$Label1' }, { uid: true }), [2]);
assert.deepEqual([...(await client.messageCopy('1:2', 'Flöw/Deep', { uid: true })).uidMap], [[1, 1], [2, 2]]);
assert.deepEqual([...(await client.messageMove('2', 'Flöw/Deep', { uid: true })).uidMap], [[2, 3]]);
assert.equal((await client.status('Flöw/Deep', { messages: true, unseen: true })).messages, 3);

// what another session does arrives while this one is idle
const other = await connect();
const exists = once(client, 'exists');
const idling = client.idle();
await other.append('INBOX', message(5));
const [arrival] = await exists;
assert.deepEqual([arrival.prevCount, arrival.count], [3, 4]);
await client.noop();
await idling;

// one that knows QRESYNC leaves, and hears what happened since when it comes back
const resyncing = { qresync: true };
const early = await connect(resyncing);
opened = await early.mailboxOpen('INBOX');
const known = { changedSince: opened.highestModseq, uidValidity: opened.uidValidity };
await early.logout();
await other.mailboxOpen('INBOX');
await other.messageFlagsAdd('1', ['\\Answered'], { uid: true });
await other.messageDelete('3', { uid: true });
const late = await connect(resyncing);
const vanished = [];
const changed = [];
late.on('expunge', each => vanished.push(each.uid));
opened = await late.mailboxOpen('INBOX');
assert.equal(opened.uidValidity, known.uidValidity);
assert.ok(opened.highestModseq > known.changedSince);
for await (const each of late.fetch('1:*', { flags: true }, { uid: true, changedSince: known.changedSince })) {
    changed.push([each.uid, each.flags.has('\\Answered')]);
}
assert.deepEqual(changed, [[1, true]]);
assert.deepEqual(vanished, [3]);
await late.logout();

// the mailbox goes
await other.mailboxRename('Flöw/Deep', 'Archive/Flöw');
assert.equal((await other.mailboxDelete('Archive/Flöw')).path, 'Archive/Flöw');
await other.logout();
await client.logout();
