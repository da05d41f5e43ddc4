# every MPM
# Staples survive httpd: the first handshake after a start has one, and nobody
# is asked.
use strict;
use warnings;

use Apache::Test qw(-withtestmore);
use Staple::Test;
use Staple::Client;
use Staple::PKI;
use Staple::Responder;
use Staple::Server;

plan tests => 17;

my $count = 200;
my $pki = Staple::PKI->new(dir => new_dir('pki'));
my $responder = Staple::Responder->new(pki => $pki);
my @certs = $pki->certs($count, prefix => 'r', same_key => 1,
                        url => $responder->url);
my @names = map { $_->{name} } @certs;
my $server = Staple::Server->new(vhosts => [
    Staple::Server->stapled(@certs)])->start;
my $store = $server->root . '/store';

sub permissions { return substr sprintf('%05o', $_[0]), -4 }
sub stored { return grep { m{/[0-9a-f]{64}$} } glob "$store/*" }

ok(wait_all_stapled($server, \@names, within => 30), mpm() . ': all stapled');
ok(wait_until(sub { stored() == $count }, 20), 'all stored');
is($responder->count, $count, 'by one request each');

# ---- the directory ----
my ($mode, $uid) = (stat $store)[2, 4];
my $user = $> == 0 ? getpwnam('www-data') : $>;
is(permissions($mode), '0700', 'the directory is for User alone');
is($uid, $user, 'and belongs to it');
is(grep({ permissions((stat)[2]) eq '0600' && (stat _)[4] == $user } stored()),
   $count, 'so does each file');

# ---- a start with the responder dead ----
$responder->stop;
$server->mark->stop; # what is still to be written is written then
my %before = map { $_ => (stat)[1] } stored();
$server->start;
my $first = handshakes($server, \@names, verify => $pki->ca_file);
is(grep({ $_->{status} eq 'good' } @{ $first->{rows} }), $count,
   "the first handshakes of all $count are stapled");
is($first->{failed}, 0, 'none failed');
is($server->log_lines(qr/OST0096: .* $count staples restored/, since => 1), 1,
   'one line says so, from one child')
    or diag(grep { /OST009/ } $server->error_log(since => 1));
ok($server->refresher_pid, 'the refresher runs');
is($responder->start->count, $count, 'and asked nobody');
is(join(' ', map { $before{$_} == (stat)[1] ? () : $_ } stored()),
   '', 'no file was written again');

# ---- what may be done without ----
$server->stop;
$server->reconfigure(lines => "OCSPStapleStore none\n");
$server->start;
ok(wait_all_stapled($server, \@names, within => 30), 'with no store');
is($responder->count, 2 * $count, 'each is asked for again');
is($server->log_lines(qr/OST0096/), 1, 'and nothing is restored');
my ($dump) = $server->configtest('-DDUMP_OCSPSTAPLE');
like($dump, qr/^  OCSPStapleStore none$/m, 'the dump knows');
is(join("\n", $server->bad_lines), '', 'nothing bad in the log');
