# CRLs as a source of status: good and revoked by them, of leaves and of
# issuers; hold and its end by deltas; beside OCSP, and instead of it.
use strict;
use warnings;

use Apache::Test qw(-withtestmore);
use Staple::Test;
use Staple::Client;
use Staple::CRL;
use Staple::Events;
use Staple::ListServer;
use Staple::PKI;
use Staple::Responder;
use Staple::Server;
use Staple::Status;

plan tests => 60, need { 'no curl' => have_tool('curl') };

my $pki = Staple::PKI->new(dir => new_dir('pki'));
my $responder = Staple::Responder->new(pki => $pki);
my $lists = Staple::ListServer->new(dir => new_dir('lists'));
my ($ocsp, $nobody) = ($responder->url, 'http://127.0.0.1:9');
my $middle = $pki->cert('middle', ca => 1, issuer => 'root',
                        crl => $lists->url('root.crl'));
my %cert = (
    leaf  => $pki->cert('leaf.example', crl => $lists->url('leaf.crl')),
    below => $pki->cert('below.example', issuer => $middle,
                        crl => $lists->url('middle.crl')),
    hold  => $pki->cert('hold.example', crl => $lists->url('hold.crl')),
    both  => $pki->cert('both.example', url => $ocsp,
                        crl => $lists->url('both.crl')),
    alone => $pki->cert('alone.example', url => $ocsp, crl => "$nobody/no.crl"),
    dead  => $pki->cert('dead.example', url => "$nobody/",
                        crl => $lists->url('dead.crl')),
);
my %ca = map { $_ => Staple::CRL->new(pki => $pki, dir => new_dir($_),
                                      ca => { root => 'root',
                                              middle => 'middle' }->{$_}
                                            // 'ca') }
    qw(root middle leaf hold both dead);
my $events = Staple::Events->new;
my $port = Staple::Server->another_port;

# Publishes the next list of a place: short-lived, so that the next one is asked
# for soon.
sub publish {
    my ($name, %opt) = @_;

    $lists->put("$name.crl", $ca{$name}->make(seconds => 10, %opt));
    return;
}

publish($_) for qw(root leaf both);
publish($_, seconds => 3600) for qw(middle dead);
publish('hold', seconds => 3600, freshest => $lists->url('delta.crl'));
$lists->put('delta.crl', $ca{hold}->make(seconds => 10, base => 1));

my $server = Staple::Server->new(
    modules => [qw(authz_host status)],
    lines => $events->lines . $events->access_lines(qw(STATUS SIGNIFICANT))
             . "OCSPStapleCRL always\nOCSPStapleLogExclude none\n"
             . "OCSPStapleChainFile " . $pki->ca_file . "\n",
    vhosts => [status_vhost($port),
               map { { name => "$_.example", certs => [$cert{$_}],
                       lines => "OCSPStaple On\n" } } sort keys %cert],
)->start;

sub row {
    my ($json, $subject) = @_;
    my ($row) = grep { $_->{subject} eq "CN=$subject" }
                @{ $json->{certificates} };

    return $row // {};
}

# The certificate's row, as soon as it is in that state, or as it is.
sub wait_state {
    my ($subject, $state, $seconds) = @_;
    my $json = wait_status($port, sub { row($_, $subject)->{state} eq $state },
                           $seconds) // status_json($port);

    return row($json, $subject);
}

# ---- all is well ----

for my $name (qw(leaf below hold both alone dead)) {
    is(wait_state("$name.example", 'good')->{state}, 'good', "$name: good");
}
is(wait_state('middle', 'good')->{state}, 'good', 'the issuer, too');
is($lists->count($_), 1, "$_ was asked for once")
    for qw(leaf.crl middle.crl root.crl hold.crl delta.crl both.crl dead.crl);
is(wait_staple($server, "$_.example")->{cert_status}, 'good',
   "$_: stapled, whatever its CRL is") for qw(both alone);
is(staple($server, 'leaf.example')->{sent}, 0,
   'leaf: nothing is stapled from a CRL');
my $json = wait_status($port,
                       sub { defined row($_, 'dead.example')->{error} });
my $row = row($json, 'dead.example');
is_deeply($row->{responders}, ["$nobody/"], 'dead: its responder is shown')
    or diag(explain($row));
is($row->{error}, 'connect', 'dead: and that it fails');
is($events->access($server, 'leaf.example'), 'good -', 'leaf: variables');

# ---- revoked ----

my $when = time - 7200;
my $iso = POSIX::strftime('%Y-%m-%dT%H:%M:%SZ', gmtime $when);

$ca{leaf}->revoke($cert{leaf}, 'keyCompromise', $when);
$ca{both}->revoke($cert{both}, 'superseded', $when);
$ca{root}->revoke($middle, 'CACompromise', $when);
publish($_, seconds => 3600) for qw(leaf both root);
$ca{hold}->revoke($cert{hold}, 'certificateHold', $when);
$lists->put('delta.crl', $ca{hold}->make(seconds => 10, base => 1));

my %reason = ('leaf.example' => 'keyCompromise', 'both.example' => 'superseded',
              'hold.example' => 'certificateHold', middle => 'cACompromise');

for my $subject (sort keys %reason) {
    my $event = $events->wait_for(12, event => 'revoked', name => $subject);

    ok($event, "$subject: revoked");
    is($event->{revocation_reason}, $reason{$subject}, "$subject: the reason");
    is($event->{revocation_time}, $iso, "$subject: when");
    is($event->{significant} ? 1 : 0, 1, "$subject: it is significant");
    my @lines = $server->log_lines(qr/:error\].*OST0071.*"CN=\Q$subject\E"/);
    is(@lines, 1, "$subject: one line in the error log");
    like($lines[0] // '', qr/is revoked.*\Q$reason{$subject}\E/,
         "$subject: with the reason");
}
my $event = $events->wait_for(5, event => 'issuer-revoked',
                              name => 'below.example');
ok($event, 'below: its issuer is revoked');
is($event->{revoked_issuer}{subject}, 'CN=middle', 'below: the event names it');
is($server->log_lines(qr/OST0073.*below\.example.*"CN=middle": cACompromise/), 1,
   'below: so does the log, with the reason');

$json = status_json($port);
is(row($json, 'leaf.example')->{state}, 'revoked', 'leaf: the status');
is(row($json, 'leaf.example')->{revocation_reason}, 'keyCompromise',
   'leaf: the reason');
is(row($json, 'leaf.example')->{revocation_time}, $iso, 'leaf: the time');
is(row($json, 'both.example')->{state}, 'revoked',
   'both: revoked, whatever OCSP says');
is(row($json, 'below.example')->{state}, 'issuer-revoked', 'below: the status');
is(row($json, 'alone.example')->{state}, 'good', 'alone: as it was');
like((status_get($port, '/'))[2],
     qr/leaf\.example.{0,2000}?revoked/s, 'leaf: the page');
is(status_metrics((status_get($port, '/?format=prometheus'))[2])
       ->{'ocspstaple_certificates{state="revoked"}'}, 4, 'the metrics');
is($events->access($server, 'leaf.example'), 'revoked revoked',
   'leaf: variables');

# ---- the end of the hold ----

$ca{hold}->revoke($cert{hold}, 'removeFromCRL', $when);
$lists->put('delta.crl', $ca{hold}->make(seconds => 3600, base => 1));
ok($events->wait_for(12, event => 'good', name => 'hold.example'),
   'hold: good again');
is($lists->count('hold.crl'), 1, 'hold: its base was not asked for again');
is(staple($server, 'alone.example')->{cert_status}, 'good',
   'alone: stapled all the while');
is(join("\n", $server->bad_lines), '', 'nothing bad in the log');
