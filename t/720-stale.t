# A staple runs out while its responder is dead; what is told, and in which
# order; and when it comes back.
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

my $pki = Staple::PKI->new(dir => new_dir('pki'));
my $responder = Staple::Responder->new(pki => $pki);
my $url = $responder->url;
my $events = Staple::Events->new;
my @names = qw(a.example b.example must.example);
my %cert = map {
    $_ => $pki->cert($_, url => $url, must_staple => $_ eq 'must.example')
} @names;
my %lines = ('b.example' => "OCSPStapleLogExclude -stale -unavailable\n");

$responder->set('*', 'good', next => 8);
my $server = Staple::Server->new(
    lines => $events->lines . "OCSPStapleRetryInterval 1\n"
             . "OCSPStapleMaxTries 1000\n"
             . $events->access_lines(qw(STATUS SENT SIGNIFICANT)),
    vhosts => [map { { name => $_, certs => [$cert{$_}],
                       lines => "OCSPStaple On\n" . ($lines{$_} // '') } }
                   @names])->start;
ok(wait_all_stapled($server, \@names), 'all are stapled');
is_deeply([$events->all], [], 'that is no event');
$responder->stop;

ok($events->wait_for(15, event => 'unavailable', name => $_),
   "$_: unavailable in the end") for @names;
for my $name (@names) {
    is_deeply([$events->names(name => $name)],
              [qw(refresh-failing ending-soon stale unavailable)],
              "$name: each is told once, in this order");
    ok(!staple($server, $name)->{sent}, "$name: nothing is stapled any more");
}
is($server->log_lines(qr/OST0077.*the response held is served until it expires \(/),
   @names, 'held: the first failure says that it is served');
my %significant = ('a.example' => 0, 'b.example' => 1, 'must.example' => 1);
for my $name (@names) {
    my ($event) = $events->matching(name => $name, event => 'unavailable');
    is($event->{significant} ? 1 : 0, $significant{$name},
       "$name: significance of unavailable");
    like($event->{reason}, qr/^(?:connect|responder_down)$/,
         "$name: and its reason");
}
is($server->log_lines(qr/:info\].*OST0074.*a\.example/), 1,
   'excluded: INFO in the error log');
is($server->log_lines(qr/:warn\].*OST0075.*b\.example/), 1,
   'not excluded: WARNING');

my @down = $events->matching(event => 'responder-down');
is(@down, 1, 'one event says that the responder is down');
is($down[0]{responder}, $url =~ s{/$}{}r,
   'and which: all of its server, as it refuses connections');

is($events->access($server, 'a.example'), 'unavailable no -',
   'access log: unavailable, and nobody needs to know');
is($events->access($server, 'b.example'),
   'unavailable no unavailable,stale',
   'access log: unavailable and stale, which are significant here');

# ---- and back ----

$responder->set('*', 'good', next => 3600)->start;
ok($events->wait_for(15, event => 'good', name => $_), "$_: good again")
    for @names;
my @last = $events->names(name => 'a.example');
is_deeply([@last[-2, -1]], [qw(refresh-recovered good)],
          'refresh-recovered, then good');
is_deeply([map { $_->{event} } grep { !$_->{certificate} } $events->all],
          [qw(responder-down responder-up)], 'and the responder is up');
is($server->log_lines(qr/OST0042/), 1, 'the error log says it once');
