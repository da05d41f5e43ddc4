# A /tmp that cannot be written to costs the store nothing.
use strict;
use warnings;

use Apache::Test qw(-withtestmore);
use Staple::Test;
use Staple::Client;
use Staple::PKI;
use Staple::Process qw(capture write_file);
use Staple::Responder;
use Staple::Server;

# Everything of the tests lies in /tmp: it is mounted again below an empty,
# read-only one, which only httpd sees.
my $dir = new_dir('wrap');
write_file("$dir/wrap", <<'SH');
set -e
keep=$(mktemp -d /var/tmp/ocspstaple.XXXXXX)
mount --rbind /tmp "$keep"
mount -t tmpfs none /tmp
for folder in "$keep"/ocspstaple-*/; do
    name=${folder#"$keep"/}
    mkdir "/tmp/${name%/}"
    mount --bind "$folder" "/tmp/${name%/}"
done
umount -l "$keep"
rmdir "$keep"
mount -o remount,ro /tmp
exec "$@"
SH
my @wrap = ('unshare', '-m', 'sh', "$dir/wrap");
my $can = $> == 0 && have_tool('unshare')
    && (capture([@wrap, 'sh', '-c', '! touch /tmp/x 2>/dev/null']))[1] eq '0';
plan tests => 5, need { 'no mount namespace, or not root' => $can };

my $pki = Staple::PKI->new(dir => new_dir('pki'));
my $responder = Staple::Responder->new(pki => $pki);
my $cert = $pki->cert('a.example', url => $responder->url);
my $server = Staple::Server->new(
    vhosts => [Staple::Server->stapled($cert)],
    lines => 'OCSPStapleStore ' . new_dir('store') . "/store\n");
{
    local $ENV{STAPLE_WRAP} = "@wrap";
    $server->mark->start;
}
ok(wait_all_stapled($server, ['a.example']), 'stapled');
unlike($server->error_log, qr/OST009[0-3]/, 'no complaint about the store');
ok(defined $server->graceful, 'graceful restart');
ok(wait_all_stapled($server, ['a.example']), 'stapled after it');
$server->stop;
$responder->stop;
{
    local $ENV{STAPLE_WRAP} = "@wrap";
    $server->start;
}
is(handshakes($server, ['a.example'], count => 1)->{stapled}, 1,
   'and from the store after stop and start, with the responder gone');
