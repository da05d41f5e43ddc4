# every MPM
# Restarts keep what is held while the responder is dead.
use strict;
use warnings;

use Apache::Test qw(-withtestmore);
use Staple::Test;
use Staple::Client;
use Staple::PKI;
use Staple::Responder;
use Staple::Server;

plan tests => 13;

my $pki = Staple::PKI->new(dir => new_dir('pki'));
my $responder = Staple::Responder->new(pki => $pki);
my @certs = $pki->certs(12, prefix => 'v', url => $responder->url);
my @names = map { $_->{name} } @certs;
my @vhosts = Staple::Server->stapled(@certs);
my $server = Staple::Server->new(vhosts => [@vhosts[0 .. 9]])->start;
my @first = @names[0 .. 9];

ok(wait_all_stapled($server, \@first), 'ten vhosts are stapled');
my $staples = sub {
    return join ' ', map { $_->{sha1} }
        sort { $a->{name} cmp $b->{name} } @{ handshakes($server, \@_)->{rows} };
};
my $before = $staples->(@first);
$responder->stop;

# Handshakes all the while: not one goes without.
my $end = start_handshakes($server, \@first, concurrency => 2);
$server->graceful(wait => 1);
$server->graceful(wait => 1);
my $result = $end->();
ok($result->{ok}, "$result->{ok} handshakes during two graceful restarts");
is($result->{stapled}, $result->{ok}, 'all were stapled');
is($staples->(@first), $before, 'with what was held');

# Two more vhosts, and one of the old ones goes.
$server->reconfigure(vhosts => [@vhosts[1 .. 11]]);
$server->graceful(wait => 1);
is($staples->(@first[1 .. 9]), join(' ', (split / /, $before)[1 .. 9]),
   'a changed configuration keeps what stays in it');
$result = handshakes($server, [@names[10, 11]]);
is($result->{ok}, 2, 'new vhosts answer');
is($result->{stapled}, 0, 'without a staple as yet');

$server->graceful(signal => 'HUP');
is($staples->(@first[1 .. 9]), join(' ', (split / /, $before)[1 .. 9]),
   'a restart by SIGHUP keeps it, too');

# Off and On again.
$server->reconfigure(vhosts => [
    map { { %$_, lines => "OCSPStaple Off\n" } } @vhosts[0 .. 9]]);
$server->graceful(wait => 1);
$result = handshakes($server, \@first);
is($result->{ok}, 10, 'with OCSPStaple Off handshakes go on');
is($result->{stapled}, 0, 'without staples');

$responder->start;
$responder->clear_log;
$server->reconfigure(vhosts => \@vhosts);
$server->graceful(wait => 1);
ok(wait_all_stapled($server, \@names, verify => $pki->ca_file, within => 20),
   'the responder is back: all twelve are stapled');
my %asked;
$asked{ $_->{name} }++ for $responder->requests;
ok(!grep({ $_ > 1 } values %asked), 'by one request each at most');
is(join("\n", $server->bad_lines), '', 'nothing bad in the log');
