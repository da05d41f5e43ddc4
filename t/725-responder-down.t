# every MPM
# A responder that was found down stays so through a graceful restart and when
# another child refreshes: that is told once, and nobody finds out again.
use strict;
use warnings;

use Apache::Test qw(-withtestmore);
use Staple::Test;
use Staple::Client;
use Staple::Events;
use Staple::PKI;
use Staple::Process qw(is_running);
use Staple::Responder;
use Staple::Server;
use Staple::Status;

plan tests => 16;

my $pki = Staple::PKI->new(dir => new_dir('pki'));
my $responder = Staple::Responder->new(pki => $pki);
my $url = $responder->url;
my $events = Staple::Events->new;
my @certs = $pki->certs(30, prefix => 'c', same_key => 1, url => $url);
my @names = map { $_->{name} } @certs;
my $port = Staple::Server->another_port;
my $server = Staple::Server->new(
    lines => $events->lines . "OCSPStapleMaxTries 1\n",
    modules => [qw(authz_host status)],
    log_level => 'watchdog:debug',
    vhosts => [status_vhost($port), map { {
        name => $_->{name}, certs => [$_], lines => "OCSPStaple On\n"
    } } @certs]);

sub responder_events {
    return map { $_->{event} } grep { !$_->{certificate} } $events->all;
}

# How often a refresher has begun its work.
sub refreshers {
    return scalar $server->log_lines(qr/refresher of 30 certificates runs/);
}

$responder->set('*', 'http=503');
$server->start;
ok($events->wait_for(15, event => 'responder-down', responder => $url),
   'it is found down');
ok(wait_until(sub { $events->matching(event => 'unavailable') == 30 }, 10),
   'all know');
ok(wait_status($port, sub { $_->{responders}[0] && $_->{responders}[0]{healthy}
                                ? 0 : @{ $_->{responders} } }),
   'the status says so');
is(refreshers(), 1, 'one refresher ran so far');

# ---- a graceful restart ----

$responder->clear_log;
$server->graceful;
ok(wait_until(sub { refreshers() == 2 }, 10), 'a new generation refreshes');
my $status = status_json($port);
is_deeply([map { $_->{healthy} ? 'healthy' : $_->{url} }
               @{ $status->{responders} }], [$url],
          'its status says at once that the responder is down');

# ---- another child ----

my $pid = $server->refresher_pid;
kill 'KILL', $pid;
ok(wait_until(sub { !is_running($pid) && refreshers() == 3 }, 20),
   'another child refreshes');
ok(wait_status($port, sub { ($_->{refresher}{pid} // 0) != $pid
                            && $_->{refresher}{running} }),
   'and shows itself');
is_deeply([map { $_->{healthy} ? 'healthy' : $_->{url} }
               @{ status_json($port)->{responders} }], [$url],
          'to it, too, the responder is down');
my $asked = $responder->count;
cmp_ok($asked, '<=', 5, "$asked requests since: probes");
is_deeply([responder_events()], ['responder-down'], 'it was told once');
is(scalar(my @failing = $events->matching(event => 'refresh-failing')), 30,
   'as was that refreshes fail');

# ---- it returns ----

$responder->set('*', 'good', next => 3600);
ok($events->wait_for(30, event => 'responder-up', responder => $url),
   'its return is noticed');
ok(wait_all_stapled($server, \@names, within => 15),
   'for all, though the tries of all were used up');
is_deeply([responder_events()], [qw(responder-down responder-up)],
          'and told once');
is($server->log_lines(qr/OST0042/), 1, 'as in the error log');
