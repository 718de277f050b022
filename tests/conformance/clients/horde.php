<?php
// An ordinary session of Horde's Imap_Client, and one that comes back with a token to what has changed meanwhile.
// Connects as the environment says; whatever is not as it should be ends the program with an error.

error_reporting(E_ALL & ~E_DEPRECATED);
spl_autoload_register(function (string $class): void {
    $file = stream_resolve_include_path(strtr($class, '_\\', '//') . '.php');
    if ($file !== false) {
        require $file;
    }
});

function same(mixed $got, mixed $expected, string $what): void
{
    if ($got !== $expected) {
        throw new Exception("$what: expected " . json_encode($expected) . ', got ' . json_encode($got));
    }
}

/** What a client remembers of its mailboxes: with it Horde uses QRESYNC. */
class Memory extends Horde_Imap_Client_Cache_Backend
{
    private array $about = [];
    private array $messages = [];

    public function get($mailbox, $uids, $fields, $uidvalid)
    {
        $found = array_intersect_key($this->messages[$mailbox] ?? [], array_flip($uids));
        return $fields ? array_map(fn (array $each): array => array_intersect_key($each, array_flip($fields)), $found) : $found;
    }

    public function getCachedUids($mailbox, $uidvalid)
    {
        return array_keys($this->messages[$mailbox] ?? []);
    }

    public function set($mailbox, $data, $uidvalid)
    {
        foreach ($data as $uid => $fields) {
            $this->messages[$mailbox][$uid] = $fields + ($this->messages[$mailbox][$uid] ?? []);
        }
    }

    public function getMetaData($mailbox, $uidvalid, $entries)
    {
        $about = $this->about[$mailbox] ?? ['uidvalid' => $uidvalid];
        return $entries ? array_intersect_key($about, array_flip($entries)) : $about;
    }

    public function setMetaData($mailbox, $data)
    {
        $this->about[$mailbox] = $data + ($this->about[$mailbox] ?? []);
    }

    public function deleteMsgs($mailbox, $uids)
    {
        $this->messages[$mailbox] = array_diff_key($this->messages[$mailbox] ?? [], array_flip(iterator_to_array($uids, false)));
    }

    public function deleteMailbox($mailbox)
    {
        unset($this->about[$mailbox], $this->messages[$mailbox]);
    }

    public function clear($lifetime)
    {
        $this->about = $this->messages = [];
    }
}

function connected(array $more = []): Horde_Imap_Client_Socket
{
    return new Horde_Imap_Client_Socket($more + [
        'hostspec' => getenv('IMAP_HOST'),
        'port' => getenv('IMAP_PORT'),
        'username' => getenv('IMAP_USER'),
        'password' => getenv('IMAP_PASSWORD'),
        'secure' => 'tls',
        'context' => ['ssl' => ['verify_peer' => false, 'verify_peer_name' => false]],
        'timeout' => 60,
        'id' => ['name' => 'Horde'],
    ]);
}

function message(int $number): string
{
    return implode("\r\n", [
        'From: Horde <horde@example.org>', 'To: ann@example.org', "Subject: =?utf-8?q?h=C3=B6rde?= $number",
        "Date: Mon, 1 Jan 2024 00:00:0$number +0000", "Message-ID: <horde-$number@example.org>",
        'MIME-Version: 1.0', 'Content-Type: multipart/mixed; boundary=b', '',
        '--b', 'Content-Type: text/plain; charset=utf-8', '', "text of $number",
        '--b', 'Content-Type: application/octet-stream; name=a.bin', 'Content-Transfer-Encoding: base64', '',
        base64_encode(str_repeat("octets of $number ", 3)), '--b--', '',
    ]);
}

function ids(mixed $ids): array
{
    return array_map('intval', $ids->ids);
}

$memory = new Memory();
$client = connected(['cache' => ['backend' => $memory]]);
$client->login();
same($client->isSecureConnection(), true, 'STARTTLS');
same($client->capability->isEnabled('QRESYNC'), true, 'ENABLE QRESYNC');

// mailboxes
$name = 'Hörde';
$client->createMailbox($name);
$client->subscribeMailbox($name);
$listed = $client->listMailboxes(['*'], Horde_Imap_Client::MBOX_ALL, [
    'attributes' => true, 'special_use' => true, 'status' => Horde_Imap_Client::STATUS_MESSAGES, 'children' => true,
]);
same($listed[$name]['status']['messages'], 0, 'LIST … RETURN (STATUS)');
same(in_array('\\trash', $listed['Trash']['attributes'], true), true, 'SPECIAL-USE');
same(
    array_keys($client->listMailboxes(['*'], Horde_Imap_Client::MBOX_SUBSCRIBED_EXISTS, ['flat' => true])) !== [], true,
    'subscriptions'
);

// messages come: two of them in one command
$data = [];
foreach ([1, 2, 3, 4] as $number) {
    $data[] = ['data' => message($number), 'flags' => $number % 2 ? ['\\seen'] : [], 'internaldate' => new Horde_Imap_Client_DateTime("2024-01-0$number")];
}
same(ids($client->append($name, array_slice($data, 0, 2))), [1, 2], 'APPENDUID');
same(ids($client->append($name, array_slice($data, 2))), [3, 4], 'APPENDUID');
// (Horde would write one of fewer than 100 octets as a quoted string, line ends and all.)
$client->append($name, [['data' => "Subject: of few lines\r\nMessage-ID: <horde-5@example.org>\r\n\r\n" . str_repeat("with no parts\r\n", 9)]]);
same($client->status($name, Horde_Imap_Client::STATUS_MESSAGES)['messages'], 5, 'STATUS');

// and are found and read
$query = new Horde_Imap_Client_Search_Query();
$query->flag('\\seen', false);
$found = $client->search($name, $query, ['results' => [
    Horde_Imap_Client::SEARCH_RESULTS_MATCH, Horde_Imap_Client::SEARCH_RESULTS_COUNT, Horde_Imap_Client::SEARCH_RESULTS_MAX,
]]);
same([ids($found['match']), (int) $found['count'], (int) $found['max']], [[2, 4, 5], 3, 5], 'ESEARCH UNSEEN');
$query = new Horde_Imap_Client_Search_Query();
$query->charset('UTF-8', false);
$query->headerText('Subject', 'HÖRDE');
same(ids($client->search($name, $query)['match']), [1, 2, 3, 4], 'SUBJECT in UTF-8');
same(ids($client->search($name, $query, ['sort' => [Horde_Imap_Client::SORT_REVERSE, Horde_Imap_Client::SORT_DATE]])['match']), [4, 3, 2, 1], 'sorted');
$query = new Horde_Imap_Client_Search_Query();
$query->text('no parts');
same(ids($client->search($name, $query)['match']), [5], 'BODY');

$query = new Horde_Imap_Client_Fetch_Query();
$query->envelope();
$query->structure();
$query->flags();
$query->imapDate();
$query->size();
$query->uid();
$query->modseq();
$query->headerText(['peek' => true]);
$query->bodyPart('1', ['peek' => true, 'decode' => true]);
$query->bodyPart('2', ['peek' => true, 'decode' => true, 'start' => 0, 'length' => 10_000]);
$query->bodyPartSize('2');
$query->fullText(['peek' => true]);
$got = $client->fetch($name, $query, ['ids' => new Horde_Imap_Client_Ids([2])])[2];
same($got->getEnvelope()->subject, 'hörde 2', 'ENVELOPE');
same($got->getStructure()->contentTypeMap(), ['0' => 'multipart/mixed', '1' => 'text/plain', '2' => 'application/octet-stream'], 'BODYSTRUCTURE');
same($got->getSize(), strlen(message(2)), 'RFC822.SIZE');
same($got->getFullMsg(), message(2), 'BODY.PEEK[]');
same($got->getBodyPart('1'), 'text of 2', 'BINARY.PEEK[1]');
same($got->getBodyPart('2'), str_repeat('octets of 2 ', 3), 'BINARY.PEEK[2]<0.10000>');
same($got->getBodyPartSize('2'), 36, 'BINARY.SIZE[2]');
same(in_array('\\seen', $got->getFlags(), true), false, 'PEEK leaves \\Seen alone');
same($got->getImapDate()->format('Y-m-d'), '2024-01-02', 'INTERNALDATE');

$threads = $client->thread($name, ['criteria' => Horde_Imap_Client::THREAD_REFERENCES]);
same(count($threads->messageList()), 5, 'THREAD');

// another session is away while flags change, messages come and go
$token = $client->getSyncToken($name);
$other = connected(['cache' => ['backend' => new Memory()]]);
$other->store($name, ['add' => ['\\flagged', 'label'], 'ids' => new Horde_Imap_Client_Ids([1, 2])]);
same(ids($other->copy($name, 'INBOX', ['ids' => new Horde_Imap_Client_Ids([1, 2]), 'force_map' => true]) ? $other->search('INBOX')['match'] : null), [1, 2], 'COPY');
same($other->copy($name, 'INBOX', ['ids' => new Horde_Imap_Client_Ids([3]), 'move' => true, 'force_map' => true]), [3 => 3], 'MOVE');
$other->store($name, ['add' => ['\\deleted'], 'ids' => new Horde_Imap_Client_Ids([4])]);
same(ids($other->expunge($name, ['ids' => new Horde_Imap_Client_Ids([4]), 'list' => true])), [4], 'UID EXPUNGE');
$other->append($name, [['data' => message(6)]]);
$other->logout();
$client->logout();

$late = connected(['cache' => ['backend' => $memory]]);
$sync = $late->sync($name, $token);
same(ids($sync->newmsgsuids), [6], 'what has come');
same(ids($sync->vanisheduids), [3, 4], 'what has vanished');
same(array_diff([1, 2], ids($sync->flagsuids)), [], 'what has changed');
same(ids($late->vanished($name, 1)), [3, 4], 'VANISHED (EARLIER)');

$late->renameMailbox($name, 'Archive/Hörde');
$late->deleteMailbox('Archive/Hörde');
$late->logout();
