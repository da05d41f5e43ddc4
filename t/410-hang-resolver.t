# A name server that never answers holds up nothing and nobody, either.
use strict;
use warnings;

use Apache::Test qw(-withtestmore);
use IO::Socket::INET;
use Staple::Test;
use Staple::Client;
use Staple::PKI;
use Staple::Process;
use Staple::Server;

# A resolver on a loopback address of its own, and a mount namespace in which
# /etc/resolv.conf names it.
my $address = sprintf '127.%d.%d.%d', map { 1 + int rand 250 } 1 .. 3;
my $resolver = IO::Socket::INET->new(Proto => 'udp', LocalAddr => $address,
                                     LocalPort => 53);
my $dir = new_dir('resolver');
write_file("$dir/resolv.conf",
           "nameserver $address\noptions timeout:20 attempts:1\n");
write_file("$dir/wrap", <<"SH");
mount --bind $dir/resolv.conf /etc/resolv.conf && exec "\$@"
SH
my $can_mount = $> == 0 && have_tool('unshare')
    && (capture(['unshare', '-m', 'sh', "$dir/wrap", 'true']))[1] eq '0';
# setpriv's signal at the death of its parent must reach httpd: unshare execs.
$ENV{STAPLE_WRAP} = "unshare -m sh $dir/wrap";

plan tests => 5, need { 'no port 53, or no mount namespace'
                            => $resolver && $can_mount };

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
