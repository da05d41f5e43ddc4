# The command check of ocspstaple with --starttls: each protocol, and servers
# that refuse, or that misbehave.
use strict;
use warnings;

use Apache::Test qw(-withtestmore);
use Staple::Test;
use Staple::Greeter;
use Staple::PKI;
use Staple::Process qw(free_port);
use Staple::Responder;
use Staple::TlsServer;

my $pki = Staple::PKI->new(dir => new_dir('pki'));
my $responder = Staple::Responder->new(pki => $pki);
my $cert = $pki->cert('a.example', url => $responder->url);
my $dir = new_dir('starttls');

capture(['openssl', 'ocsp', '-issuer', $pki->issuer_file, '-cert',
         $cert->{leaf}, '-url', $responder->url, '-respout', "$dir/good.der",
         '-noverify', '-no_nonce']);
my $tls = Staple::TlsServer->new(cert => $cert, issuer => $pki->issuer_file,
                                 staple => "$dir/good.der");

# How each protocol goes, as servers in the field do it.
my %talk = (
    smtp => ["220-mail.a.example ESMTP\r\n220 hello\r\n", qr/^EHLO \S+\r\n/,
             "250-mail.a.example\r\n250-STARTTLS\r\n250 HELP\r\n",
             qr/^STARTTLS\r\n/, "220 2.0.0 Ready to start TLS\r\n"],
    lmtp => ["220 lmtp\r\n", qr/^LHLO \S+\r\n/,
             "250-lmtp\r\n250 STARTTLS\r\n", qr/^STARTTLS\r\n/, "220 go\r\n"],
    imap => ["* OK [CAPABILITY IMAP4rev1 STARTTLS] hello\r\n",
             qr/^a STARTTLS\r\n/, "* NOTE so\r\na OK begin\r\n"],
    pop3 => ["+OK hello\r\n", qr/^STLS\r\n/, "+OK begin\r\n"],
    ftp => ["220-Welcome\r\n 220 lines\r\nof any sort\r\n220 done\r\n",
            qr/^AUTH TLS\r\n/, "234 AUTH TLS OK\r\n"],
    nntp => ["201 no posting\r\n", qr/^STARTTLS\r\n/, "382 go\r\n"],
    xmpp => [qr/^<\?xml.*<stream:stream to='a\.example' version='1\.0'.*>/,
             "<?xml version='1.0'?><stream:stream id='1' version='1.0'>",
             "<stream:features><starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'>",
             '<required/></starttls></stream:features>',
             qr/^<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'\/>/,
             "<proceed xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>"],
);
my %port = (smtp => 25, lmtp => 24, imap => 143, pop3 => 110, ftp => 21,
            nntp => 119, xmpp => 5222);

# What is refused: protocol, who does what, what is said of it.
my @bad = (
    ['a refusal', 'smtp', qr/no STARTTLS: the server says "454 not now"$/,
     talk => [@{ $talk{smtp} }[0 .. 3], "454 not now\r\n"]],
    ['no hello', 'smtp', qr/the server says "554 go away"$/,
     talk => ["554-no\r\n554 go away\r\n"]],
    ['what cannot be printed', 'imap', qr/the server says "a NO \?\[31m\?\?x\?"$/,
     talk => [@{ $talk{imap} }[0, 1], "a NO \e[31m|\x{7}x\"\r\n"]],
    ['a long answer', 'pop3', qr/the server says "-ERR x{95}"$/,
     talk => [@{ $talk{pop3} }[0, 1], '-ERR ' . 'x' x 1000 . "\r\n"]],
    ['PREAUTH', 'imap', qr/the server says "\* PREAUTH hello"$/,
     talk => ["* PREAUTH hello\r\n"]],
    ['no starttls offered', 'xmpp', qr/no STARTTLS: the server says/,
     talk => [@{ $talk{xmpp} }[0, 1], '<stream:features></stream:features>']],
    ['a failure', 'xmpp', qr/no STARTTLS: the server says "<failure/,
     talk => [@{ $talk{xmpp} }[0 .. 4], '<failure/></stream:stream>']],
    ['more in the clear', 'smtp', qr/says more than that it is ready/,
     talk => [@{ $talk{smtp} }[0 .. 3], "220 go\r\n250 injected\r\n"]],
    ['more behind proceed', 'xmpp', qr/says more than that it is ready/,
     talk => [@{ $talk{xmpp} }[0 .. 4], '<proceed/><a/>']],
    ['silence', 'smtp', qr/the server is silent before STARTTLS$/,
     talk => []],
    ['silence later', 'ftp', qr/the server is silent before STARTTLS$/,
     talk => [@{ $talk{ftp} }[0, 1]]],
    ['half a line', 'pop3', qr/the server is silent before STARTTLS$/,
     talk => ['+OK hel']],
    ['an end', 'pop3', qr/the server hangs up before STARTTLS$/,
     talk => ["+OK hello\r\n", qr/^STLS/], then => 'close'],
    ['lines without end', 'smtp', qr/says too much before STARTTLS$/,
     talk => [], then => 'flood', bytes => "220-hello\r\n"],
    ['a line without end', 'imap', qr/says too much before STARTTLS$/,
     talk => [], then => 'flood', bytes => 'x' x 1000],
    ['byte by byte', 'smtp', qr/the server is silent before STARTTLS$/,
     talk => [], then => 'drip', bytes => '2'],
    ['then silence', 'smtp', qr/no TLS: the server does not answer in time$/,
     talk => $talk{smtp}],
    ['then an end', 'smtp', qr/no TLS: (?:the server hangs up|.*eof.*|.*reset.*)$/i,
     talk => $talk{smtp}, then => 'close'],
    ['then text', 'smtp', qr/no TLS: the server answers in the clear/,
     talk => $talk{smtp}, then => 'drip', bytes => "250 still here\r\n"],
);

plan tests => 3 * keys(%talk) + 3 * @bad + 4;

sub check {
    my ($protocol, $server, @arguments) = @_;
    my ($text, $status) = capture(
        [top_builddir() . '/ocspstaple', 'check', 'a.example', '--connect',
         '127.0.0.1:' . $server->port, '--starttls', $protocol, '--ca',
         $pki->ca_file, @arguments], timeout => 60);

    return ($status, $text);
}

for my $protocol (sort keys %talk) {
    my $greeter = Staple::Greeter->new(behind => $tls->port,
                                       talk => $talk{$protocol});
    my ($status, $text) = check($protocol, $greeter);

    is($status, 0, "$protocol: exit status 0") or diag($text);
    like($text, qr/^OCSP OK: a\.example:$port{$protocol}: good/,
         "$protocol: good, and the port that it has");
    ($status, $text) = check($protocol, $greeter, '--tls1.2');
    like($text, qr/^OCSP OK: .*^connection: .*, TLSv1\.2$/ms,
         "$protocol: TLS 1.2");
}

for my $row (@bad) {
    my ($name, $protocol, $pattern, %how) = @$row;
    my $greeter = Staple::Greeter->new(%how);
    my $began = time;
    my ($status, $text) = check($protocol, $greeter, '--timeout', 2);

    is($status, 2, "$name: exit status 2") or diag($text);
    like((split /\n/, $text)[0], qr/^OCSP CRITICAL: a\.example:\d+: .*$pattern/,
         "$name: said so");
    cmp_ok(time - $began, '<', Staple::Process::scale(12), "$name: in time");
}

# The port with TLS from the beginning, and the other way round.
my ($status, $text) = check('smtp', $tls, '--timeout', 2);
is($status, 2, 'TLS from the beginning: exit status 2');
like($text, qr/^OCSP CRITICAL: .*: the server is silent before STARTTLS/,
     'TLS from the beginning: said so');
my $greeter = Staple::Greeter->new(talk => $talk{smtp});
($text, $status) = capture([top_builddir() . '/ocspstaple', 'check',
                            '127.0.0.1:' . $greeter->port, '--timeout', 2],
                           timeout => 60);
is($status, 2, 'without --starttls: exit status 2');
like($text, qr/no TLS: the server answers in the clear .*--starttls/,
     'without --starttls: said so');
