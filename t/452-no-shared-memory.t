# Without the shared memory that it needs httpd does not start, and says why.
use strict;
use warnings;

use Apache::Test qw(-withtestmore);
use Staple::Test;
use Staple::PKI;
use Staple::Server;

plan tests => 5, need { 'no prlimit' => have_tool('prlimit') };

# The segment for 64 certificates has 8 MiB of addresses.
my $pki = Staple::PKI->new(dir => new_dir('pki'));
my @certs = $pki->certs(64, prefix => 'v', same_key => 1,
                        url => 'http://127.0.0.1:9/');
my $server = Staple::Server->new(
    mpm => 'prefork', lines => "OCSPStapleMaxSize 65527\n",
    vhosts => [Staple::Server->stapled(@certs)])->start;
my ($kb) = (read_file('/proc/' . $server->pid . '/status') // '')
    =~ /VmSize:\s*(\d+)/;

ok($kb, "httpd takes $kb kB of addresses");
$server->stop;
{
    local $ENV{STAPLE_WRAP} = 'prlimit --as=' . ($kb - 3072) * 1024 . ' '
                              . ($ENV{STAPLE_WRAP} // '');
    ok(!$server->mark->try_start, 'with 3 MiB less it does not start');
}
my $line = qr/:crit\].* OST0020: no shared memory of \d+ bytes .* raise the limit/;
is($server->log_lines($line, since => 1), 1, 'one line says why')
    or diag($server->log_tail(10));
is($server->log_lines(qr/exit signal|Segmentation/, since => 1), 0,
   'nothing crashed');
ok($server->try_start, 'with enough it starts');
