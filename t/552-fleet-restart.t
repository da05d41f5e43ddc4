# Redis is killed and comes back, under load: only the sharing stops meanwhile.
use strict;
use warnings;

use Apache::Test qw(-withtestmore);

use Staple::Test;
use Staple::Client;
use Staple::PKI;
use Staple::Process qw(scale);
use Staple::Responder;
use Staple::Server;
use Staple::Shared;

plan tests => 15, need { 'no redis-server' => have_tool('redis-server') };

my $count = 60;
my $life = scale(12); # a period is about half of that
my $pki = Staple::PKI->new(dir => new_dir('pki'));
my $responder = Staple::Responder->new(pki => $pki);
my @certs = $pki->certs($count, same_key => 1, url => $responder->url);
my @names = map { $_->{name} } @certs;
my $redis = Staple::Shared::Redis->new;
my @servers = fleet(2, \@certs, modules => [$redis->modules],
                    lines => $redis->lines);
my $periods = 0;

# Waits until each machine has a new response for each certificate.
sub wait_period {
    my ($what) = @_;

    $periods++;
    ok(wait_until(sub {
        !grep { refreshed($_) < $periods * $count } @servers
    }, 2 * $life, 0.2), $what);
    return;
}

$responder->set('*', 'good', next => $life);
start_fleet(@servers);
ok(wait_all_stapled($_, \@names, within => 15), 'all are stapled')
    for @servers;
wait_period('at the start');
my @loops = map { start_handshakes($_, \@names, concurrency => 2) } @servers;

$redis->stop;
$responder->clear_log;
wait_period('Redis is dead: new responses all the same');
cmp_ok($responder->count, '>=', 1.5 * $count, 'each machine asks for itself');
is($_->log_lines(qr/OST0042: responder redis:/), 1, 'a machine says so once')
    for @servers;
my @complaints = map { $_->log_lines(qr/socache_redis:/) } @servers;
cmp_ok(scalar @complaints, '<=', 40, 'few lines of httpd about that')
    or diag(join "\n", @complaints);
is(join("\n", map { $_->log_lines(qr/OST004[01]/) } @servers), '',
   'no certificate noticed');

$redis->start;
wait_period('Redis is back');
ok(wait_until(sub { $redis->keys_of_values == $count }, $life, 0.2),
   'and full again');
# Periods of both machines meet again.
wait_until(sub { !grep { refreshed($_) < 4 * $count } @servers }, 2 * $life,
           0.2);
$responder->clear_log;
my $before = refreshed($servers[0]) + refreshed($servers[1]);
wait_until(sub { !grep { refreshed($_) < 5 * $count } @servers }, 2 * $life,
           0.2);
my $refreshed = refreshed($servers[0]) + refreshed($servers[1]) - $before;
my $requests = $responder->count;
cmp_ok($requests, '<=', 0.65 * $refreshed,
       "$requests requests for $refreshed new responses on two machines");

for my $loop (@loops) {
    my $result = $loop->();
    is($result->{total} - $result->{stapled}, 0,
       "$result->{total} handshakes meanwhile: all stapled");
    diag("$result->{total} handshakes, p99 $result->{p99_ms} ms");
}
is(join("\n", map { $_->log_lines(qr/:(?:alert|emerg)\]|exit signal/) }
               @servers), '', 'nothing bad in the log');
