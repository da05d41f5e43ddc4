# Whoever controls the network can offer what was said before: an older good one
# does not take the place of revoked, though both have one thisUpdate, and an
# older unknown changes nothing.
use strict;
use warnings;

use Apache::Test qw(-withtestmore);
use Staple::Test;
use Staple::Client;
use Staple::Events;
use Staple::PKI;
use Staple::Responder;
use Staple::Server;
use Staple::Status;

plan tests => 16;

my $pki = Staple::PKI->new(dir => new_dir('pki'));
my $responder = Staple::Responder->new(pki => $pki);
my $cert = $pki->cert('a.example', url => $responder->url);
my $events = Staple::Events->new;
my $port = Staple::Server->another_port;
my $hour = int(time / 3600) * 3600; # certificate authorities round thisUpdate
my %rounded = (this => "\@$hour", next => 7 * 86400);
my @vhosts = (status_vhost($port), { name => 'a.example', certs => [$cert],
                                     lines => "OCSPStaple On\n" });
my $server = Staple::Server->new(
    modules => [qw(authz_host status)], vhosts => \@vhosts,
    lines => $events->lines . "OCSPStapleRetryInterval 1\n");

sub served { return staple($server, 'a.example')->{cert_status} // 'none' }

sub state_of {
    my ($shown) = @{ status_json($port)->{certificates} };

    return "$shown->{state} $shown->{staple}{produced_at}";
}

# Whoever is asked by another method is asked at once.
my @methods = qw(post get);

sub ask {
    $vhosts[1]{lines} = "OCSPStaple On\nOCSPStapleMethod $methods[0]\n";
    @methods = reverse @methods;
    $responder->clear_log;
    $server->reconfigure(vhosts => \@vhosts)->mark->graceful(wait => 1);
    return $responder->wait_for(sub { $responder->count > 0 }, 20);
}

$responder->set('*', 'revoked', %rounded, produced => '@' . ($hour + 2));
$server->start;
wait_staple($server, 'a.example');
is(served(), 'revoked', 'revoked');
my $before = state_of();
like($before, qr/^revoked /, 'revoked, says the status');

$responder->set('*', 'good', %rounded, produced => '@' . ($hour + 1));
ok(ask(), 'a good one of the same thisUpdate is offered, produced before');
ok($server->wait_log(qr/OST0040: .*is older than the one held/, 20, since => 1),
   'it is older');
is(served(), 'revoked', 'revoked is stapled');
is(state_of(), $before, 'and is what the status says');
is($events->matching(event => 'good'), 0, 'nobody says good');
$responder->set('*', 'unknown', this => '@' . ($hour - 60), next => 86400,
                produced => '@' . ($hour - 60));
ok(ask(), 'an older unknown is offered');
ok($server->wait_log(qr/OST0040: .*is older than the one held/, 20, since => 1),
   'it is older');
is(state_of(), $before, 'it changes nothing');
is($events->matching(event => 'unknown'), 0, 'nobody says unknown');

$responder->set('*', 'revoked', %rounded, produced => '@' . ($hour + 2));
ok(ask(), 'the same once more');
ok($server->wait_log(qr/"CN=a\.example".*: revoked, \d+ bytes.*next request in/,
                     20, since => 1), 'is a success');
is(state_of(), $before, 'that changes nothing');

$responder->set('*', 'good', %rounded, produced => '@' . ($hour + 3));
ask();
is(wait_staple($server, 'a.example', within => 20,
               until => sub { ($_[0]{cert_status} // '') eq 'good' })
       ->{cert_status}, 'good', 'one produced later ends a hold');
is(join("\n", $server->bad_lines), '', 'nothing bad in the log');
