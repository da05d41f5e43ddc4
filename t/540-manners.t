# What nobody could get survives, too: restarts do not hammer the CA.
use strict;
use warnings;

use Apache::Test qw(-withtestmore);
use Staple::Test;
use Staple::PKI;
use Staple::Responder;
use Staple::Server;
use Staple::Stored;
use Time::HiRes qw(sleep time);

plan tests => 8;

my $pki = Staple::PKI->new(dir => new_dir('pki'));
my $responder = Staple::Responder->new(pki => $pki);
# Two: with three, the responder would count as down and be left alone anyway.
my @certs = map { $pki->cert($_, url => $responder->url) }
    qw(a.example b.example);
my $server = Staple::Server->new(
    lines => "OCSPStapleRetryInterval 300\nOCSPStapleMethod post\n",
    vhosts => [Staple::Server->stapled(@certs)]);

sub failures {
    return join ' ', map {
        Staple::Stored->new($server, $_)->record->{failures} // 0 } @certs;
}

$responder->set('*', 'http=503');
$server->start;
ok($responder->wait_for(sub { $responder->count == 2 }), 'both are asked for');
my $asked_at = time;
ok(wait_until(sub { stored_files($server->root . '/store') == 2 }, 20),
   'both failures are stored');
is(failures(), '1 1', 'as such');

# ---- a loop of restarts, one of them not its own ----
for my $turn (1 .. 4) {
    if ($turn == 2) {
        kill 'KILL', $server->child_pids, $server->pid;
        $server->stop;
    }
    else {
        $server->stop;
    }
    $server->mark->start;
    $server->refresher_pid or die 'no refresher';
    $server->wait_log(qr/refresher of/, 10, since => 1);
    sleep 0.5; # time to do what it should not
}
# A start asks about what has no staple, a minute after a failure: a machine may
# be as slow as that.
my $minutes = int((time - $asked_at) / 60);
cmp_ok($responder->count, '<=', 2 + 2 * $minutes,
       'four restarts ask nobody again within a minute');
like(failures(), $minutes ? qr/^\d+ \d+$/ : qr/^1 1$/, 'and count nothing');

# ---- but whoever names another responder wants it asked now ----
$responder->set('*', 'good');
$server->stop;
$server->reconfigure(
    lines => $server->{lines}
             . 'OCSPStapleResponder ' . $responder->url('/other/') . "\n"
             . "OCSPStapleResponderAction override\n");
$server->start;
ok($responder->wait_for(sub {
    $responder->count(path => qr{^/other/}) == 2 }), 'another is asked');
ok(wait_until(sub { failures() eq '0 0' }, 20),
   'and the success is stored');
is(join("\n", $server->bad_lines), '', 'nothing bad in the log');
