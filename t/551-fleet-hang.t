# A shared store that hangs costs a moment at a cold start, and nothing else.
# every MPM
use strict;
use warnings;

use Apache::Test qw(-withtestmore);
use Staple::Test;
use Staple::Client;
use Staple::PKI;
use Staple::Process qw(scale is_running);
use Staple::Responder;
use Staple::Server;
use Staple::Shared;

plan tests => 13, need { 'no redis-server' => have_tool('redis-server') };

my $count = 50;
my $pki = Staple::PKI->new(dir => new_dir('pki'));
my $responder = Staple::Responder->new(pki => $pki);
my @certs = $pki->certs($count, same_key => 1, url => $responder->url);
my @names = map { $_->{name} } @certs;
my $redis = Staple::Shared::Redis->new;
my ($server) = fleet(1, \@certs, modules => [$redis->modules],
                     lines => $redis->lines . "OCSPStapleStore none\n");

$redis->signal('STOP');
$server->start;
ok(wait_all_stapled($server, \@names, within => 20), mpm() . ': all stapled');
my ($took) = $server->error_log =~ /OST0044: .* ([\d.]+) s after the start/;
diag(sprintf '%s: all are good %.1f s after the start', mpm(), $took // 99);
cmp_ok($took // 99, '<', scale(8), 'soon');
is($responder->count, $count, 'by asking the CA');
is($server->log_lines(qr/OST0042: responder redis:\S+ \(OCSPSt/), 1,
   'one line says that it is down');
is($server->log_lines(qr/OST0040|OST0041/), 0, 'no certificate failed');
ok(!grep({ /socache_redis/ } $server->error_log), 'and httpd says nothing');

# Handshakes go on, and so does the end of processes.
my $result = handshakes($server, \@names, count => 500, quiet => 1);
is($result->{stapled}, 500, 'handshakes are stapled');
my @old = $server->child_pids;
$server->mark->graceful;
ok(wait_until(sub { !grep { is_running($_) } @old }, 8),
   'children end with a graceful restart while it hangs');
ok($server->wait_log(qr/refresher of 50 cert/, 10, since => 1),
   'the next generation refreshes');
my $seconds = $server->stop(signal => 'WINCH');
cmp_ok($seconds // 99, '<', scale(3), 'a graceful stop takes its usual time');
diag(sprintf '%s: graceful stop in %.2f s', mpm(), $seconds // 99);

# While looks are under way.
$responder->clear_log;
$server->start;
ok($server->wait_log(qr/refresher of 50 cert/, 10, since => 1), 'started');
$seconds = $server->stop;
cmp_ok($seconds // 99, '<', scale(3), 'a stop in the middle of a look');
diag(sprintf '%s: stop in %.2f s', mpm(), $seconds // 99);
$redis->signal('CONT');
is(join("\n", $server->bad_lines), '', 'nothing bad in the log');
