# Three machines with 200 certificates ask the CA about as often as one.
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

plan tests => 9, need { 'no redis-server' => have_tool('redis-server') };

my $count = 200;
my $life = scale(16);
my $pki = Staple::PKI->new(dir => new_dir('pki'));
my $responder = Staple::Responder->new(pki => $pki);
my @certs = $pki->certs($count, same_key => 1, url => $responder->url);
my @names = map { $_->{name} } @certs;
my $redis = Staple::Shared::Redis->new;
my @servers = fleet(3, \@certs, modules => [$redis->modules],
                    lines => $redis->lines);

$responder->set('*', 'good', next => $life, delay => 20);
start_fleet(@servers);
for my $server (@servers) {
    ok(wait_all_stapled($server, \@names, within => 15), 'all are stapled');
}
# Each certificate's first, and what follows too soon to be the next period's.
my (%first, $cold);
for my $request ($responder->requests) {
    $first{ $request->{name} } //= $request->{time};
    $cold++ if $request->{time} < $first{ $request->{name} } + $life / 4;
}
cmp_ok($cold, '<=', 1.1 * $count, "a cold start of all three: $cold requests");
is(scalar $redis->keys_of_values, $count, 'Redis has a value for each');

# A period is about half of the life of a response.
wait_until(sub { !grep { refreshed($_) < 3 * $count } @servers }, 2.5 * $life,
           0.2);
my $refreshed = 0;
$refreshed += refreshed($_) for @servers;
my $requests = $responder->count;
cmp_ok($refreshed, '>=', 3 * 3 * $count, 'two more periods on each machine');
cmp_ok($requests, '<=', 1.1 * $refreshed / 3,
       "$requests requests for $refreshed new responses on three machines");
diag(sprintf '%d requests at the start, %.3f per certificate and period',
     $cold, 3 * $requests / $refreshed);
is(join("\n", map { $_->log_lines(qr/OST00(?:8\d|42)/) } @servers), '',
   'nothing was refused, nothing was down');
is(join("\n", map { $_->bad_lines } @servers), '', 'nothing bad in the log');
