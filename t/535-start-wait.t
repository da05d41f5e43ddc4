# every MPM
# OCSPStapleStartWait: the first handshake has a staple, and nobody waits twice.
use strict;
use warnings;

use Apache::Test qw(-withtestmore);
use Time::HiRes qw(time);
use Staple::Test;
use Staple::Client;
use Staple::PKI;
use Staple::Responder;
use Staple::Server;

plan tests => 31;

my $pki = Staple::PKI->new(dir => new_dir('pki'));
my $responder = Staple::Responder->new(pki => $pki);
my $url = $responder->url;
my %cert = (must => $pki->cert('must.example', url => $url, must_staple => 1),
            new => $pki->cert('new.example', url => $url, must_staple => 1),
            late => $pki->cert('late.example', url => $url, must_staple => 1),
            plain => $pki->cert('plain.example', url => $url));
my @many = $pki->certs(30, prefix => 'v', url => $url);

sub server {
    my ($lines, @certs) = @_;

    return Staple::Server->new(
        lines => "OCSPStapleIssuerCheck Off\nOCSPStapleStore none\n$lines",
        vhosts => [Staple::Server->stapled(@certs)]);
}

sub first { return staple($_[0], $_[1], timeout => 60)->{sent} }

# How often the log says how the wait ended, at a level.
sub told {
    my ($server, $level) = @_;
    my @lines = $server->log_lines(qr/:$level\].*OST0170/, since => 1);

    return scalar @lines;
}

# ---- must-staple, which is the default ----

$responder->set('*', 'good', delay => 1500);
$responder->set('plain.example', 'hang');

my $server = server('', @cert{qw(plain must)})->start;

ok(first($server, 'must.example'), 'the first handshake has a staple');
ok(!first($server, 'plain.example'), 'others are not waited for');
$server->reconfigure(vhosts => [Staple::Server->stapled(
                         @cert{qw(plain must new)})]);
$server->graceful(wait => 1);
ok(first($server, 'new.example'), 'nor does a graceful restart leave a gap');
ok(first($server, 'must.example'), 'what was stapled is');
$server->reconfigure(lines => "OCSPStapleIssuerCheck Off\n"
                              . "OCSPStapleStore none\n"
                              . "OCSPStapleStartWait none\n",
                     vhosts => [Staple::Server->stapled(
                         @cert{qw(plain must new late)})]);
$responder->set('late.example', 'hang');
$server->graceful(wait => 1);
ok(!first($server, 'late.example'), 'none: nobody waits');
$server->stop;
is(told($server, 'warn'), 0, 'nothing to warn about');

# ---- a time: everybody ----

$server = server("OCSPStapleStartWait 30s\n", @many)->start;
my $result = handshakes($server, [map { $_->{name} } @many], timeout => 60,
                        concurrency => 8, quiet => 1);

is($result->{ok}, 30, 'none is refused meanwhile');
is($result->{stapled}, 30, '30s: each first handshake has a staple');
is(told($server, 'warn'), 0, 'nothing to warn about');
$server->stop;

# ---- a responder that is dead ----

$responder->set('*', 'hang');
$server = server("OCSPStapleStartWait 2s\n", $cert{plain}, @many[0 .. 4]);
$server->mark->start;
my $began = time;
ok(!first($server, 'plain.example'), 'no staple from a dead responder');
cmp_ok(time - $began, '<', Staple::Process::scale(8), 'after the time');
ok($server->wait_log(qr/:warn\].*OST0170:.*\ without\ a\ staple:\ 6,/x, 10, since => 1), 'the log says so');
is(told($server, 'warn'), 1, 'in one line');
$server->mark->graceful(wait => 1);
ok(staple($server, 'plain.example', timeout => 60)->{ok}, 'graceful: it runs');
is(told($server, 'warn'), 0, 'that costs no time again');
$server->reconfigure(vhosts => [Staple::Server->stapled($cert{plain},
                                                        @many[0 .. 5])]);
$server->mark->graceful(wait => 1);
ok($server->wait_log(qr/:warn\].*OST0170:.*\ a\ staple:\ 1,/x, 10,
                     since => 1), 'but for one that is new');
$server->stop;

# ---- the refresher is killed meanwhile ----

$server = server("OCSPStapleStartWait 600\n", $cert{plain})->mark->start;
ok($responder->wait_for(sub { $responder->count },
                        Staple::Process::scale(20)), 'it waits');
$responder->set('*', 'good');
kill 'KILL', $server->refresher_pid;
ok(first($server, 'plain.example'), 'another child refreshes, and all go on');
is(told($server, 'warn'), 0, 'before the time is over');
$server->stop;
$responder->set('*', 'hang');
$responder->clear_log;

# ---- stopped meanwhile ----
# A child that is born at that moment misses the signal: httpd sends it anew
# after 3 s (ap_reclaim_child_processes), and kills after 9 s.

my $long = Staple::Process::scale(20);

for my $end (qw(stop graceful)) {
    $server = server("OCSPStapleStartWait 600\n", $cert{plain});
    $server->mark->start;
    ok($responder->wait_for(sub { $responder->count }, $long),
       "$end: it waits for a responder");
    $responder->clear_log;
    if ($end eq 'graceful') {
        my $took = $server->graceful(wait => 1, timeout => $long);

        cmp_ok($took, '<', $long, 'graceful: the first children end');
        ok($responder->wait_for(sub { $responder->count }, $long),
           'graceful: and others wait');
    }
    my $took = $server->stop;

    ok(defined $took, "$end: httpd ends");
    cmp_ok($took // 99, '<', Staple::Process::scale(8), "$end: before httpd kills");
    is(told($server, 'warn'), 0, "$end: nothing is said of that");
    is(join("\n", $server->bad_lines), '', "$end: nothing bad in the log");
}
