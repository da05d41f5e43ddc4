# A certificate may be unknown in its first hour: it is asked about every minute,
# and nobody is told; if it then still is, somebody is.
use strict;
use warnings;

use Apache::Test qw(-withtestmore);
use Staple::Test;
use Staple::Events;
use Staple::PKI;
use Staple::Process qw(scale);
use Staple::Responder;
use Staple::Server;
use Staple::Status;

plan tests => 23;

my $pki = Staple::PKI->new(dir => new_dir('pki'));
my $responder = Staple::Responder->new(pki => $pki);
my $events = Staple::Events->new;
my $hour_ends = time + scale(25);
my %cert = (
    new => $pki->cert('new.example', url => $responder->url,
                      not_before => time),
    unauthorized => $pki->cert('unauthorized.example', url => $responder->url,
                               not_before => time),
    must => $pki->cert('must.example', url => $responder->url,
                       not_before => time, must_staple => 1),
    soon => $pki->cert('soon.example', url => $responder->url,
                       not_before => $hour_ends - 3600),
    old => $pki->cert('old.example', url => $responder->url),
);
my $port = Staple::Server->another_port;

$responder->set('*', 'unknown', next => 3600);
$responder->set('unauthorized.example', 'unauthorized');
my $server = Staple::Server->new(
    modules => [qw(authz_host status)],
    lines => $events->lines . $events->access_lines(qw(STATUS SIGNIFICANT))
             . "OCSPStapleRetryInterval 1h\nOCSPStapleMethod post\n",
    vhosts => [status_vhost($port),
               Staple::Server->stapled(@cert{sort keys %cert})])->start;

sub shown {
    my ($name) = @_;

    return (grep { $_->{subject} eq "CN=$name.example" }
                @{ status_json($port)->{certificates} })[0];
}

ok($events->wait_for(20, event => 'unknown', name => "$_.example"),
   "$_: unknown") for qw(new must old soon);
my %significant = (new => 0, soon => 0, must => 1, old => 1);
for my $name (sort keys %significant) {
    my ($event) = $events->matching(event => 'unknown',
                                    name => "$name.example");

    is($event->{significant} ? 1 : 0, $significant{$name},
       "$name: significant, or not");
}
is($server->log_lines(qr/:info\].*OST0072.*"CN=new\.example"/), 1,
   'new: INFO in the error log');
is($server->log_lines(qr/:warn\].*OST0072.*"CN=old\.example"/), 1,
   'old: WARNING');
is(shown('new')->{state}, 'unknown', 'new: its state says so');
is_deeply(shown('new')->{conditions}, [], 'new: it is no condition');
is_deeply(shown('must')->{conditions}, ['unknown', 'must-staple'],
          'must-staple: it is');
is_deeply(shown('old')->{conditions}, ['unknown'], 'old: it is');
is($events->access($server, 'new.example'), 'unknown -',
   'new: nobody needs to know');

# ---- when it is asked again ----

for my $name (qw(new unauthorized must)) {
    is($server->log_lines(qr/OST0041:.*"CN=$name\.example".*next\ try\ in
                             \ (?:5\d|60)\ s$/x) > 0, 1,
       "$name: asked again in a minute");
}
is($server->log_lines(qr/OST0041:.*"CN=old\.example".*next\ try\ in
                         \ 3[6-9]\d\d\ s$/x), 1,
   'old: when OCSPStapleRetryInterval has it');

# ---- no longer new ----

ok(wait_until(sub { $events->matching(event => 'unknown',
                                      name => 'soon.example') == 2 },
              60), 'no longer new, and unknown: told once more');
my $second = ($events->matching(event => 'unknown', name => 'soon.example'))[1];
ok($second && $second->{significant}, 'which is significant');
is_deeply(shown('soon')->{conditions}, ['unknown'], 'and a condition');
is(join("\n", $server->bad_lines), '', 'nothing bad in the log');
