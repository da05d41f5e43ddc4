# A name server that never answers holds up nothing and nobody, either.
use strict;
use warnings;

use Apache::Test qw(-withtestmore);
use Staple::Test;
use Staple::Client;
use Staple::NameServer;
use Staple::PKI;
use Staple::Process;
use Staple::Server;

my $names = Staple::NameServer->new;
plan tests => 5, need { 'no port 53, or no mount namespace' => $names };

my $resolver = $names->socket;
my $pki = Staple::PKI->new(dir => new_dir('pki'));
my $cert = $pki->cert('a.example', url => 'http://ocsp.hangs.example/');
my $server = Staple::Server->new(
    vhosts => [{ name => 'a.example', certs => [$cert],
                 lines => "OCSPStaple On\n" }])->start;
my $limit = Staple::Process::scale(2);

# A query arrives.
sub is_asked {
    my $bits = '';
    vec($bits, fileno $resolver, 1) = 1;
    return 0 if !select $bits, undef, undef, Staple::Process::scale(15);
    my ($packet, $more);
    recv $resolver, $packet, 1500, 0;
    # What came twice, for IPv6 and again, is taken out of the way.
    while (vec($more = '', fileno $resolver, 1) = 1,
           select $more, undef, undef, 0.2) {
        recv $resolver, my $other, 1500, 0;
    }
    return $packet =~ /ocsp.hangs.example/s;
}

ok(is_asked(), 'the name server was asked and does not answer');
is(handshakes($server, ['a.example'], count => 50)->{ok}, 50,
   'handshakes go on');

cmp_ok($server->graceful(wait => 1), '<', $limit,
       'graceful restart within two seconds, the old children are gone, too');
ok(is_asked(), 'the new generation asks');
my $stopped = $server->stop;
ok(defined $stopped && $stopped < $limit, 'stop within two seconds')
    or diag($stopped // 'it had to be killed');
