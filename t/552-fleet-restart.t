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

plan tests => 16, need { 'no redis-server' => have_tool('redis-server') };

my $count = 60;
my $life = scale(12); # a period is about half of that
my $pki = Staple::PKI->new(dir => new_dir('pki'));
my $responder = Staple::Responder->new(pki => $pki);
my @certs = $pki->certs($count, same_key => 1, url => $responder->url);
my @names = map { $_->{name} } @certs;
my $redis = Staple::Shared::Redis->new;
my @servers = fleet(2, \@certs, modules => [$redis->modules],
                    lines => $redis->lines);

# Waits until each machine has a new response for each certificate; how many
# they got meanwhile.
sub wait_period {
    my ($what) = @_;
    my @before = map { refreshed($_) } @servers;
    my $more = sub {
        map { refreshed($servers[$_]) - $before[$_] } 0 .. $#servers
    };
    my $sum = 0;

    ok(wait_until(sub { !grep { $_ < $count } $more->() }, 3 * $life, 0.2),
       $what);
    $sum += $_ for $more->();
    return $sum;
}

$responder->set('*', 'good', next => $life);
start_fleet(@servers);
ok(wait_all_stapled($_, \@names, within => 15), 'all are stapled')
    for @servers;
my @loops = map { start_handshakes($_, \@names, concurrency => 2) } @servers;

$redis->stop;
$responder->clear_log;
wait_period('Redis is dead: new responses all the same');
cmp_ok($responder->count, '>=', 1.8 * $count, 'each machine asks for itself');
ok($_->log_lines(qr/OST0042: responder redis:/) > 0, 'a machine says so')
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
wait_period('the periods of both machines meet again');
$responder->clear_log;
my $refreshed = wait_period('and they share again');
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
