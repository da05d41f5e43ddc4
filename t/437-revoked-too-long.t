# A response that says revoked and is too long to be stapled is not stapled; but
# neither is the good one that it follows, and the status says revoked.
use strict;
use warnings;

use Apache::Test qw(-withtestmore);
use Staple::Test;
use Staple::Client;
use Staple::Events;
use Staple::PKI;
use Staple::Process qw(wait_until);
use Staple::Responder;
use Staple::Server;
use Staple::Status;

plan tests => 8;

my $pki = Staple::PKI->new(dir => new_dir('pki'));
my $responder = Staple::Responder->new(pki => $pki);
my $cert = $pki->cert('a.example', url => $responder->url);
my $events = Staple::Events->new;
my $port = Staple::Server->another_port;
my @vhosts = (status_vhost($port), Staple::Server->stapled($cert));
my $server = Staple::Server->new(
    modules => [qw(authz_host status)], vhosts => \@vhosts,
    lines => $events->lines . "OCSPStapleMaxSize 4096\n"
        . "OCSPStapleRetryInterval 1\n");

sub served { return staple($server, 'a.example')->{cert_status} // 'none' }

sub state_is {
    my ($state) = @_;

    return wait_until(sub {
        return status_json($port)->{certificates}[0]{state} eq $state;
    }, 20);
}

# An answer that lives for seconds makes it ask again at once.
$responder->set('*', 'good', next => 40);
$server->start;
wait_staple($server, 'a.example');
is(served(), 'good', 'a good one is stapled');
$responder->set('*', 'revoked', pad => 5000, next => 86400);
ok($server->wait_log(qr/bytes; OCSPStapleMaxSize is 4096/, 60),
   'one that says revoked is refused for its length');
ok(state_is('revoked'), 'the status says revoked');
is(served(), 'none', 'the good one is not stapled any more');
ok($events->wait_for(20, event => 'revoked', name => 'a.example'),
   'it is told');
$server->graceful(wait => 1);
ok(state_is('revoked'), 'a graceful restart does not forget it');
is(served(), 'none', 'nor bring the good one back');
is(join("\n", $server->bad_lines), '', 'nothing bad in the log');
