# every MPM
# A responder that accepts and never answers: handshakes are as fast as without
# the module, and restart, stop and the end of a child do not wait for it.
use strict;
use warnings;

use Apache::Test qw(-withtestmore);
use Staple::Test;
use Staple::Client;
use Staple::PKI;
use Staple::Process qw(is_running);
use Staple::Responder;
use Staple::Server;

plan tests => 13;

my $pki = Staple::PKI->new(dir => new_dir('pki'));
my $responder = Staple::Responder->new(pki => $pki);
my @certs = $pki->certs(20, prefix => 'v', url => $responder->url);
my @names = map { $_->{name} } @certs;
my $vhosts = sub {
    my ($lines) = @_;
    return [map { { name => $_->{name}, certs => [$_], lines => $lines } }
                @certs];
};

$responder->set('*', 'hang');
my $server = Staple::Server->new(vhosts => $vhosts->("OCSPStaple On\n"))->start;
my $without = Staple::Server->new(vhosts => $vhosts->(''),
                                  without => ['ocspstaple'])->start;

# A request hangs now.
sub hangs { return $responder->wait_for(sub { $responder->count }, 15) }

ok(hangs(), 'the responder was asked and does not answer');

my (%seconds, %result);
for my $round (1 .. 4) {
    for my $which ([with => $server], [without => $without]) {
        my $result = handshakes($which->[1], \@names, count => 100,
                                concurrency => 4, quiet => 1);
        $seconds{ $which->[0] } += $result->{seconds};
        $result{ $which->[0] }{$_} += $result->{$_} for qw(ok failed stapled);
    }
}
$without->stop;
is($result{with}{ok}, 400, '400 handshakes over 20 vhosts');
is($result{with}{stapled}, 0, 'none has a staple');
cmp_ok($seconds{with}, '<', 2 * $seconds{without} + 0.5,
       sprintf 'they take as long as without the module: %.2f s and %.2f s',
               @seconds{qw(with without)});

# The limit of two seconds, for a machine that has other things to do.
my $limit = Staple::Process::scale(2);

$responder->clear_log;
cmp_ok($server->graceful(wait => 1), '<', $limit,
       'graceful restart within two seconds, the old children are gone, too');
ok(hangs(), 'the new generation asks');
is(handshakes($server, \@names)->{ok}, 20, 'and serves');

# Children that end by themselves: the one that refreshes, too, long before
# the exchange would be given up.
$server->reconfigure(lines => "MaxConnectionsPerChild 5\n"
                              . "OCSPStapleTimeout 120\n");
$server->graceful(wait => 1);
my $refresher = $server->refresher_pid;
$responder->clear_log;
ok(wait_until(sub {
    handshakes($server, \@names, quiet => 1);
    return !is_running($refresher);
}, 20, 0.1), 'a child ends that has a request in flight');
ok(hangs(), 'another child takes over');

$server->reconfigure(lines => '');
for my $round (1 .. 3) {
    my $stopped = $server->stop;
    ok(defined $stopped && $stopped < $limit, 'stop within two seconds')
        or diag($stopped // 'it had to be killed');
    last if $round == 3;
    $responder->clear_log;
    $server->start;
    hangs();
}
is(join("\n", $server->bad_lines), '', 'nothing bad in the log');
