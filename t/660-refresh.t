# ocspstaple refresh: a running httpd asks now and says what it found; once a
# minute, across restarts, whoever is down, and whatever else lies there.
use strict;
use warnings;

use Apache::Test qw(-withtestmore);
use JSON::PP ();
use POSIX ();
use Staple::Test;
use Staple::CRL;
use Staple::Client;
use Staple::ListServer;
use Staple::PKI;
use Staple::Process qw(scale wait_until);
use Staple::Responder;
use Staple::Server;

my $pki = Staple::PKI->new(dir => new_dir('pki'));
my $responder = Staple::Responder->new(pki => $pki);
my $lists = Staple::ListServer->new(dir => new_dir('lists'));
my $ca = Staple::CRL->new(pki => $pki, dir => new_dir('ca'));
my %cert = map { $_ => $pki->cert("$_.example", url => $responder->url) }
    qw(a b c d e);
my $plain = $pki->cert('crl.example', crl => $lists->url('ca.crl'));
my $bare = $pki->cert('bare.example');

$lists->put('ca.crl', $ca->make);
$responder->set('*', 'good', next => 7200, time => -60);
my $server = Staple::Server->new(
    vhosts => [Staple::Server->stapled(@cert{sort keys %cert}, $plain, $bare)]);
my $store = $server->root . '/store';
my $asked = "$store/asked";

sub refresh {
    my (@arguments) = @_;
    my ($text, $status)
        = capture([top_builddir() . '/ocspstaple', 'refresh', '--store',
                   $store, @arguments], timeout => 90);

    return ($status, $text);
}

# ---- without httpd ----

my ($status, $text) = refresh('a.example');
is($status, 2, 'without a store: exit status 2');
like($text, qr/No such file or directory/, 'without a store: says so');
($status, $text) = refresh();
is($status, 2, 'no certificate: exit status 2');
like($text, qr/names, serial numbers or digests, or --all/, 'and what to give');
($status, $text) = refresh('--all', 'a.example');
is($status, 2, 'all and some: exit status 2');

$server->start;
my @names = map { "$_.example" } sort keys %cert;
ok(wait_all_stapled($server, \@names), 'five are stapled');
ok($lists->wait_count('ca.crl', 1, 10), 'a CRL is followed');

# ---- revoked ----

$server->mark;
$responder->clear_log->set('a.example', 'revoked', next => 7200, time => -10);
my $began = time;
($status, $text) = refresh('a.example');
is($status, 10, 'revoked: exit status 10') or diag($text);
like($text, qr/^a\.example \(CN=a\.example, serial \w+\): good -> revoked/,
     'revoked: old and new state');
cmp_ok(time - $began, '<=', scale(4), 'revoked: within seconds');
is(staple($server, 'a.example')->{cert_status}, 'revoked',
   'revoked: is what is stapled');
is($responder->count(name => 'b.example'), 0, 'the others are not asked about');
ok($server->wait_log(qr/OST0160.*user with number 0 wants to know about a\.example: 1 certificates, of which 1/,
                     5, since => 1), 'its use is logged');

# ---- once a minute, also over a restart; a hold is lifted ----

$responder->clear_log->set('a.example', 'good', next => 7200);
($status, $text) = refresh('a.example');
is($status, 10, 'again: not asked, so still revoked');
like($text, qr/asked \d+ s ago, and not again within a minute/, 'again: why');
$server->restart;
($status, $text) = refresh('A.EXAMPLE');
like($text, qr/asked \d+ s ago/, 'after a restart, too');
is($responder->count(name => 'a.example'), 0, 'nothing was asked');
unlink $asked;
($status, $text) = refresh(uc $cert{a}{serial});
is($status, 0, 'a minute later, by serial number: a hold is lifted')
    or diag($text);
like($text, qr/revoked -> good, until \d{4}-/, 'old and new state');

# ---- an outage: whoever is thought down is asked ----

$responder->clear_log->set('*', 'http=503')
    ->set('a.example', 'http=503');
($status, $text) = refresh('b.example');
is($status, 1, 'an outage: exit status 1') or diag($text);
like($text, qr/good -> good, http_status\b/, 'an outage: what happened');
refresh($_) for qw(c.example d.example);
$responder->set_all(['*', 'good', next => 7200]);
unlink $asked;
$responder->clear_log;
($status, $text) = refresh('d.example', '--json');
is($status, 0, 'it is over: exit status 0') or diag($text);
my $json = JSON::PP->new->decode($text);
is($json->{certificates}[0]{error}, undef, 'JSON: nothing failed');
ok($json->{certificates}[0]{asked}, 'JSON: it was asked about');
is_deeply($json->{not_found}, [], 'JSON: all were found');
($status, $text) = refresh('b.example');
is($status, 0, 'whoever failed before is asked as well') or diag($text);
cmp_ok($responder->count(name => 'b.example'), '<=', 2,
       'besides what follows from a responder that is back');

# ---- CRLs ----

$ca->revoke($plain, 'keyCompromise', time - 60);
$lists->clear_log->put('ca.crl', $ca->make);
($status, $text) = refresh('crl.example');
is($status, 10, 'without OCSP its CRL is fetched: revoked') or diag($text);
is($lists->count('ca.crl'), 1, 'once');

# ---- all, none ----

unlink $asked;
$responder->clear_log;
($status, $text) = refresh('--all');
is($status, 10, '--all: the worst of them');
is(scalar(my @lines = $text =~ /^\S+ \(CN=.*\): /mg), 7, '--all: seven lines');
like($text, qr/^bare\.example .*: disabled: not asked: /m,
     '--all: one that has no responder');
is($responder->count(name => qr/^[a-e]\.example$/), 5, '--all: asks for each');
($status, $text) = refresh('a.example', 'nobody.example');
is($status, 2, 'an unknown name: exit status 2');
like($text, qr/no certificate of this httpd has .* "nobody\.example"/,
     'an unknown name: which');

# ---- what else may lie there ----

$server->mark;
my @hostile = (
    ['a link' => sub { symlink '/etc/passwd', $_[0] }],
    ['a pipe' => sub { POSIX::mkfifo($_[0], oct 600) }],
    ['a directory' => sub { mkdir $_[0] }],
    ['garbage' => sub { write_file($_[0], "\x1b[2J" x 1000) }],
    ['something huge' => sub { write_file($_[0], ' '); truncate $_[0], 1 << 40 }],
    ['names with control characters' => sub { write_file($_[0],
        '{"id": "0123456789abcdef", "wanted": ["a\\nOST0160"]}') }],
    ["another user's" => sub { write_file($_[0],
        '{"id": "0123456789abcdef", "all": true}'); chown 1, 1, $_[0] }],
);
for my $row (@hostile) {
    my ($what, $make) = @$row;

    $make->("$store/ask.0");
    ok(wait_until(sub { !-l "$store/ask.0" && !-e "$store/ask.0" }, 10),
       "$what is removed");
}
is($server->log_lines(qr/OST0161/, since => 1), 1,
   'one warning a minute, whatever there is');
is($server->log_lines(qr/OST0160/, since => 1), 0, 'nothing was asked');
ok(-s '/etc/passwd', 'what a link names stays');
write_file("$store/ask.x$_\x01", 'x') for 1 .. 3000;
unlink $asked;
($status, $text) = refresh('e.example');
is($status, 0, 'among thousands of files a request is seen') or diag($text);
unlink glob "$store/ask.x*";

# ---- a graceful restart meanwhile ----

unlink $asked;
$responder->set_all(['*', 'good', next => 7200],
                    ['c.example', 'good', next => 7200, delay => 3000]);
$responder->clear_log;
my $pid = fork // die "fork: $!\n";
if ($pid == 0) {
    my ($result) = refresh('c.example');
    POSIX::_exit($result);
}
ok($responder->wait_for(sub { $responder->count(name => 'c.example') }, 10),
   'a slow responder is being asked');
$server->graceful(wait => 1);
waitpid $pid, 0;
is($? >> 8, 0, 'a graceful restart meanwhile: the next refresher answers');
$server->graceful(wait => 1);
($status, $text) = refresh('c.example');
like($text, qr/asked \d+ s ago/, 'and knows when it was asked');

# ---- httpd has stopped ----

$server->stop;
$began = time;
($status, $text) = refresh('a.example');
is($status, 2, 'not running: exit status 2');
like($text, qr/no httpd with OCSPStapleStore \S+ is running/,
     'not running: says so');
cmp_ok(time - $began, '<=', scale(10), 'not running: does not wait for ever');
is_deeply([map { m{([^/]*)$} } glob "$store/ask.*"], [], 'nothing is left there');
is_deeply([$server->bad_lines], [],
          'nothing else in the log');

done_testing();
