# A revoked issuer: all below it are issuer-revoked, and asked about no more.
use strict;
use warnings;

use Apache::Test qw(-withtestmore);
use Staple::Test;
use Staple::Client;
use Staple::Events;
use Staple::PKI;
use Staple::Responder;
use Staple::Server;

plan tests => 30;

# root - middle - lower - {a, b}.example; middle - c.example; ca - d.example
my $pki = Staple::PKI->new(dir => new_dir('pki'));
my $responder = Staple::Responder->new(pki => $pki);
my $url = $responder->url;
my $middle = $pki->cert('middle', ca => 1, issuer => 'root', url => $url);
my $lower = $pki->cert('lower', ca => 1, issuer => $middle, url => $url);
my %issuer = (a => $lower, b => $lower, c => $middle, d => 'ca');
my %cert = map {
    $_ => $pki->cert("$_.example", issuer => $issuer{$_}, url => $url)
} sort keys %issuer;
my $events = Staple::Events->new;
my $server = Staple::Server->new(
    lines => $events->lines . "OCSPStapleLogExclude -issuer-revoked\n"
             . "OCSPStapleChainFile " . $pki->ca_file . "\n"
             . $events->access_lines(qw(STATUS SIGNIFICANT)),
    log_level => 'watchdog:debug',
    vhosts => [map { { name => "$_.example", certs => [$cert{$_}],
                       lines => "OCSPStaple On\n" } } sort keys %cert]);

$responder->set('*', 'good', next => 10);
$server->start;
ok(wait_all_stapled($server, [map { "$_.example" } sort keys %cert]),
   'all are stapled');
ok(wait_until(sub { $responder->count(name => 'middle')
                    && $responder->count(name => 'lower') }, 5),
   'the issuers are asked about too');
is($responder->count(name => 'root'), 0, 'but not the root');
is($responder->count(name => 'middle'), 1, 'each once');
is(staple($server, 'a.example')->{serial}, uc $cert{a}{serial},
   "stapled is the leaf's response only");

is($events->access($server, 'a.example'), 'good -', 'access log: good');

# ---- the upper one is revoked ----

$responder->set('middle', 'revoked', next => 11, reason => 'certificateHold');
for my $name (qw(lower a.example b.example c.example)) {
    my $event = $events->wait_for(15, event => 'issuer-revoked',
                                  name => $name);
    ok($event, "$name is issuer-revoked");
    is($event->{revoked_issuer}{subject}, 'CN=middle',
       "$name: the event names the issuer that is revoked");
}
is_deeply([$events->names(name => 'middle')], ['revoked'],
          'the issuer itself is revoked');
is_deeply([$events->names(name => 'd.example')], [],
          'those below another issuer have no event');
is($events->access($server, 'b.example'),
   'issuer-revoked issuer-revoked', 'access log: issuer-revoked');
is($server->log_lines(qr/:error\].*OST0073.*c\.example/), 1,
   'the error log says so at ERROR');

# Whatever was on its way has come by now: until d.example is refreshed,
# nobody asked about those below.
$responder->clear_log;
ok(wait_until(sub { $responder->count(name => 'd.example') >= 1 }, 25),
   'others are refreshed');
is($responder->count(name => $_), 0, "no more requests for $_")
    for qw(lower a.example b.example c.example);
ok(wait_until(sub { !staple($server, 'a.example')->{sent} }, 15),
   'their staples run out');

# ---- and comes back ----

$responder->set('middle', 'good', next => 3600);
for my $name (qw(lower a.example b.example c.example)) {
    ok($events->wait_for(25, event => 'good', name => $name),
       "$name is good again");
}
ok(wait_all_stapled($server, [map { "$_.example" } sort keys %cert]),
   'all are stapled again');
is($events->access($server, 'a.example'), 'good -', 'access log: good');
