# A certificate is renewed without a gap: ocspstaple fetch --store, then a
# graceful restart, and the first handshake has a staple.
use strict;
use warnings;

use Apache::Test qw(-withtestmore);
use Digest::SHA ();
use Staple::Test;
use Staple::Client;
use Staple::PKI;
use Staple::Responder;
use Staple::Server;
use Staple::Stored;

my $pki = Staple::PKI->new(dir => new_dir('pki'));
my $responder = Staple::Responder->new(pki => $pki);
my ($old, $new) = map { $pki->cert("$_.example", url => $responder->url,
                                   san => 'www.example', must_staple => 1) }
                  qw(old new);

$responder->set('*', 'good', next => 7200, time => -60);
my $server = Staple::Server->new(vhosts => [
    { name => 'www.example', certs => [$old], lines => "OCSPStaple On\n" }]);
my $store = $server->root . '/store';

sub fetch {
    my ($text, $status)
        = capture([top_builddir() . '/ocspstaple', 'fetch', '--chain',
                   $new->{chain}, '--store', @_], timeout => 60);

    return ($status, $text);
}

$server->start;
ok(wait_all_stapled($server, ['www.example']), 'the old one is stapled');

my ($status, $text) = fetch("$store/none");
is($status, 2, 'no such store: exit status 2');
like($text, qr/the store \S+ cannot be used: No such file/, 'and why');
symlink $store, "$store.link";
($status, $text) = fetch("$store.link");
is($status, 2, 'links are not followed');
my $file = Staple::Stored->new($server, $new);
ok(!-e $file->path, 'nothing was written');

($status, $text) = fetch($store);
is($status, 0, 'fetched') or diag($text);
my ($mode, $uid, $gid) = (stat $file->path)[2, 4, 5];
my ($their_uid, $their_gid) = (stat $store)[4, 5];
is($uid, $their_uid, 'it belongs to whom the store belongs to');
is($gid, $their_gid, 'and to that group');
is($mode & oct 7777, oct 600, 'nobody else can read it');

my $sha = Digest::SHA::sha256_hex($file->read);
$responder->set('*', 'good', next => 7200, this => -3600);
fetch($store);
is(Digest::SHA::sha256_hex($file->read), $sha,
   'an older response does not replace it');

# From now on nobody answers: what is stapled was there before.
$responder->stop;
$server->reconfigure(vhosts => [
    { name => 'www.example', certs => [$new], lines => "OCSPStaple On\n" }]);
$server->graceful;
SKIP: {
    skip 'no gnutls-cli here', 2 if !have_tool('gnutls-cli');
    my $first = gnutls_cli($server, 'www.example', ca => $pki->ca_file);

    ok($first->{ok}, 'the first client of the new one insists, and is content')
        or diag($first->{text});
    ok($first->{sent}, 'it saw a staple');
}
my $staple = staple($server, 'www.example');
is($staple->{cert_status}, 'good', 'which says good');
like($new->{serial}, qr/^0*\Q$staple->{serial}\E$/i, 'of the new certificate');

done_testing();
