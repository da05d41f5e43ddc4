# Where issuers are found, which of them are followed, and when not.
use strict;
use warnings;

use Apache::Test qw(-withtestmore);
use Staple::Test;
use Staple::Client;
use Staple::Events;
use Staple::PKI;
use Staple::Responder;
use Staple::Server;

plan tests => 18;

# root - top - mute - leaf.example; mute has no OCSP URL.
my $pki = Staple::PKI->new(dir => new_dir('pki'));
my $responder = Staple::Responder->new(pki => $pki);
my $url = $responder->url;
my $top = $pki->cert('top', ca => 1, issuer => 'root', url => $url);
my $mute = $pki->cert('mute', ca => 1, issuer => $top);
my @certs = map { $pki->cert($_, issuer => $mute, url => $url) }
    qw(short.example whole.example);
my $must = $pki->cert('must.example', must_staple => 1);
my $events = Staple::Events->new;
my $root = $pki->ca_file;
# Each start is a new one.
my $forget = "OCSPStapleStore none\n";

# The first sends nothing but its issuer.
write_file("$pki->{dir}/short.pem",
           read_file($certs[0]{leaf}) . read_file($mute->{leaf}));
my @vhosts = Staple::Server->stapled(
    { %{ $certs[0] }, chain => "$pki->{dir}/short.pem" }, $certs[1], $must);
my $server = Staple::Server->new(lines => $events->lines . $forget,
                                 vhosts => \@vhosts);
my @names = qw(short.example whole.example);

$responder->set('*', 'good', next => 3600);
$responder->set('top', 'revoked', next => 3600, time => -60);
$server->start;
ok(wait_all_stapled($server, \@names), 'all are stapled');
is($responder->count(name => 'top'), 0,
   "an issuer whose own issuer is nowhere is not asked about");
is($server->log_lines(qr/:info\].*OST0015.*"CN=top".*not\ followed.*
                         OCSPStapleChainFile/x), 1,
   'one line says so, and what to do');
is($server->log_lines(qr/OST0016.*must\.example.*cannot be stapled/), 1,
   'a must-staple certificate that cannot be stapled has a warning');

# ---- with the root, for the one that sends its whole chain ----

$server->stop;
$responder->clear_log;
$vhosts[1]{lines} = "OCSPStaple On\nOCSPStapleChainFile $root\n";
$server->reconfigure(vhosts => \@vhosts)->start;
ok($events->wait_for(10, event => 'issuer-revoked', name => 'whole.example'),
   'through an issuer without a URL to the one above it');
is($responder->count(name => 'mute'), 0, 'the former is not asked about');
is($responder->count(name => 'top'), 1, 'the latter once');
is($server->log_lines(qr/OST0071.*issuer "CN=top"/), 1,
   'the error log calls it an issuer');
is_deeply([$events->names(name => 'short.example')], [],
          'the other host cannot know');

# ---- with a file for both, and IssuerCheck ----

$server->stop;
unlink $events->log;
write_file("$pki->{dir}/above.pem",
           read_file($top->{leaf}) . read_file($root));
$vhosts[$_]{lines} = "OCSPStaple On\n" for 0, 1;
$server->reconfigure(lines => $events->lines . $forget
                              . "OCSPStapleChainFile $pki->{dir}/above.pem\n",
                     vhosts => \@vhosts)->start;
ok($events->wait_for(10, event => 'issuer-revoked', name => $_),
   "$_: OCSPStapleChainFile has what its server does not send") for @names;
my ($event) = $events->matching(name => 'top');
is_deeply($event->{servers}, \@names,
          'the servers below an issuer, in the order of the configuration');
is($event->{is_issuer} ? 1 : 0, 1, 'and that it is one');

$server->stop;
unlink $events->log;
$responder->clear_log;
$server->reconfigure(lines => $events->lines . $forget . "OCSPStapleIssuerCheck Off\n"
                              . "OCSPStapleChainFile $pki->{dir}/above.pem\n",
                     vhosts => \@vhosts)->start;
ok(wait_all_stapled($server, \@names), 'OCSPStapleIssuerCheck Off: stapled');
is($responder->count(name => 'top'), 0, 'and no issuer is asked about');

# ---- revoked from the start: nobody who waits is asked any more ----

$server->stop;
my @many = $pki->certs(60, prefix => 'm', issuer => $top, url => $url,
                       same_key => 1);
$responder->set('*', 'good', next => 3600, delay => 200);
$responder->clear_log;
unlink $events->log;
$server->reconfigure(lines => $events->lines . $forget
                              . "OCSPStapleChainFile $root\n",
                     vhosts => [Staple::Server->stapled(@many)]);
$responder->set('top', 'revoked', next => 3600, time => -60);
$server->start;
ok(wait_until(sub { $events->matching(event => 'issuer-revoked') == 60 }, 15),
   'an issuer that is revoked from the start');
ok(wait_until(sub { $server->wait_log(qr/OST0044/, 1) }, 10),
   'nothing is under way any more');
cmp_ok($responder->count(name => qr/^m-/), '<', 30,
       'those that waited were not asked about');
