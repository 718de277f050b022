# An ordinary session of Perl's Mail::IMAPClient. Connects as the environment says; whatever is not as it should be
# ends the program with an error.

use strict;
use warnings;
use Mail::IMAPClient;
use Mail::IMAPClient::BodyStructure;

sub check {
    my ($holds, $what) = @_;
    die "$what\n" unless $holds;
}

sub same {
    my ($got, $expected, $what) = @_;
    $got = join(' ', map { defined $_ ? $_ : 'undef' } @$got) if ref $got;
    $expected = join(' ', @$expected) if ref $expected;
    $got = 'undef' unless defined $got;
    die "$what: expected '$expected', got '$got'\n" unless $got eq $expected;
}

sub connected {
    my $client = Mail::IMAPClient->new(
        Server   => $ENV{IMAP_HOST},
        Port     => $ENV{IMAP_PORT},
        User     => $ENV{IMAP_USER},
        Password => $ENV{IMAP_PASSWORD},
        Uid      => 1,
        Peek     => 1,
        Timeout  => 60,
        Starttls => [ SSL_verify_mode => 0 ],
        @_,
    ) or die "new: $@\n";
    check($client->IsAuthenticated, 'logged in');
    return $client;
}

sub message {
    my ($number) = @_;
    return join("\r\n",
        'From: Perl <perl@example.org>', 'To: ann@example.org', "Subject: perl $number",
        "Date: Mon, 1 Jan 2024 00:00:0$number +0000", "Message-ID: <perl-$number\@example.org>",
        'MIME-Version: 1.0', 'Content-Type: multipart/alternative; boundary=b', '',
        '--b', 'Content-Type: text/plain', '', "text of $number", '--b', 'Content-Type: text/html', '',
        "<p>$number</p>", '--b--', '');
}

my $client = connected();
check($client->has_capability('IMAP4rev1'), 'IMAP4rev1');
check($client->has_capability('UIDPLUS'), 'UIDPLUS');

# mailboxes, one of them with blanks and quotes in its name
my $folder = 'Perl "and" blanks';
check($client->create($folder), "create: $@");
check($client->subscribe($folder), "subscribe: $@");
check($client->exists($folder), 'it exists');
check((grep { $_ eq $folder } $client->folders), 'it is listed');
check((grep { $_ eq $folder } $client->subscribed), 'it is subscribed');
same($client->message_count($folder), 0, 'STATUS of an empty mailbox');

# messages
for my $number (1 .. 4) {
    my $flags = $number % 2 ? '\\Seen' : '';
    same($client->append_string($folder, message($number), $flags, '17-Jul-1996 02:44:25 -0700'), $number, 'APPENDUID');
}
check($client->select($folder), "select: $@");
same([ $client->messages ], [ 1 .. 4 ], 'messages');
same([ $client->unseen ], [ 2, 4 ], 'UNSEEN');
same([ $client->search('SUBJECT', \'perl 3') ], [3], 'SUBJECT');
same([ $client->search('OR', 'UID', '1', 'HEADER', 'Message-ID', \'<perl-4@example.org>') ], [ 1, 4 ], 'OR');
same([ $client->sentsince(0) ], [ 1 .. 4 ], 'SENTSINCE');
same($client->message_string(2), message(2), 'octets of a message');
same($client->body_string(2) =~ /text of 2/ ? 1 : 0, 1, 'BODY[TEXT]');
same($client->bodypart_string(2, 1), 'text of 2', 'BODY[1]');
same($client->size(2), length message(2), 'RFC822.SIZE');
same($client->internaldate(2), '17-Jul-1996 02:44:25 -0700', 'INTERNALDATE');
same($client->subject(3), 'perl 3', 'BODY[HEADER.FIELDS (Subject)]');
my $headers = $client->parse_headers([ 1 .. 4 ], 'Subject', 'Message-Id', 'X-Absent');
same([ map { $headers->{$_}{Subject}[0] } 1 .. 4 ], [ map { "perl $_" } 1 .. 4 ], 'header fields');
my $envelope = $client->get_envelope(1);
same($envelope->{subject}, 'perl 1', 'ENVELOPE');
my $structure = $client->get_bodystructure(1);
same([ map { lc $_->bodytype . '/' . $_->bodysubtype } $structure->bodystructure ], [ 'text/plain', 'text/html' ], 'BODYSTRUCTURE');
same([ $client->unseen ], [ 2, 4 ], 'PEEK leaves \\Seen alone');

# flags, copies, moves
check($client->set_flag('Flagged', 1, 2), "set_flag: $@");
same([ $client->search('FLAGGED') ], [ 1, 2 ], 'FLAGGED');
check($client->unset_flag('Flagged', 1), "unset_flag: $@");
same([ grep { $_ ne "\\Recent" } $client->flags(2) ], ['\\Flagged'], 'FLAGS');
check($client->see(2), "see: $@");
same([ $client->seen ], [ 1, 2, 3 ], 'SEEN');
check($client->copy('INBOX', 1, 2), "copy: $@");
same($client->message_count('INBOX'), 2, 'copied');
check($client->move('INBOX', 3), "move: $@");
check($client->expunge, "expunge: $@");
same([ $client->messages ], [ 1, 2, 4 ], 'moved and expunged');
same($client->message_count('INBOX'), 3, 'arrived');
check($client->delete_message(4), "delete_message: $@");
check($client->uidexpunge(4), "uidexpunge: $@");
same($client->message_count, 2, 'UID EXPUNGE');

# another session, and IDLE
my $other = connected();
my $tag = $client->idle;
check($tag, "idle: $@");
check($other->append_string($folder, message(5)), "append: $@");
my $told = $client->idle_data(60);
check((grep { /\* 3 EXISTS/ } @$told), 'EXISTS while idle');
check($client->done($tag), "done: $@");
check($other->logout, 'logout');

check($client->close, "close: $@");
check($client->rename($folder, 'Perl/renamed'), "rename: $@");
check($client->delete('Perl/renamed'), "delete: $@");
check($client->logout, "logout: $@");
