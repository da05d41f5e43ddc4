# What no signature covers is not stapled, whichever way it came: certificates
# that somebody adds to a response on its way, to a stored one, to a shared one.
use strict;
use warnings;

use Apache::Test qw(-withtestmore);
use Digest::SHA qw(sha256);

use Staple::Test;
use Staple::Client;
use Staple::PKI;
use Staple::Responder;
use Staple::Server;
use Staple::Shared;
use Staple::Stored;

plan tests => 18;

my $pki = Staple::PKI->new(dir => new_dir('pki'));
my $responder = Staple::Responder->new(pki => $pki);
my @certs = $pki->certs(4, same_key => 1, url => $responder->url);
my @names = map { $_->{name} } @certs;
my $server = Staple::Server->new(
    vhosts => [Staple::Server->stapled(@certs)]);

# A response with 40 certificates more than it needs.
sub swollen {
    my ($cert) = @_;
    my $file = new_dir('der') . '/der';

    capture(['openssl', 'ocsp', '-issuer', $pki->issuer_file, '-cert',
             $cert->{leaf}, '-url', $responder->url, '-no_nonce', '-noverify',
             '-respout', $file]);
    return read_file($file) // die "no response for $cert->{name}\n";
}

# The certificates in the staple of a name.
sub certificates {
    my ($of) = @_;
    my $file = new_dir('der') . '/der';

    handshakes($of, [$names[0]], der => $file);
    my ($text) = capture(['openssl', 'ocsp', '-respin', $file, '-resp_text',
                          '-noverify']);
    return scalar(() = $text =~ /^Certificate:/mg);
}

# Four tests: the staples are short, and clients take them.
sub check_staples {
    my ($of, $what) = @_;
    my $old = handshakes($of, \@names, tls => '1.2', verify => $pki->ca_file);
    my $new = handshakes($of, \@names, tls => '1.3', verify => $pki->ca_file);
    my @rows = (@{ $old->{rows} }, @{ $new->{rows} });

    is(grep({ $_->{ok} } @rows), 2 * @names, "$what: all shake hands");
    is(grep({ $_->{status} eq 'good' } @rows), 2 * @names,
       "$what: in TLS 1.2 and 1.3 all are good");
    is(grep({ $_->{length} > 2000 } @rows), 0, "$what: none is large")
        or diag(join ' ', map { $_->{length} } @rows);
    is(certificates($of), 1, "$what: with the delegate's certificate alone");
    return;
}

# ---- on the way from the responder ----
$responder->set('*', 'good', certs => 40, next => 7 * 86400);
cmp_ok(length swollen($certs[0]), '>', 15000, 'a response that was added to');
$server->start;
ok(wait_all_stapled($server, \@names), 'all are stapled');
check_staples($server, 'from the responder');

# ---- in the store, where an older version may have left it ----
ok(wait_until(sub { stored_files($server->root . '/store') == @names }, 20),
   'all are stored');
$server->stop;
Staple::Stored->new($server, $_)->write(der => swollen($_)) for @certs;
$responder->stop;
$server->start;
check_staples($server, 'from the store');
is(join("\n", $server->bad_lines), '', 'nothing bad in the log');
$server->stop;
$responder->start;

# ---- in the shared store ----
SKIP: {
    skip 'redis-server is not installed', 6 if !have_tool('redis-server');
    my $redis = Staple::Shared::Redis->new;

    for my $cert (@certs) {
        my ($der) = capture(['openssl', 'x509', '-in', $cert->{leaf},
                             '-outform', 'DER']);
        my $bytes = swollen($cert);
        my $value = 'OCSPSTP1' . sha256($der)
                  . pack('q> q> Q> q> N4 C4 N', 0, 0, time * 1_000_000, 0,
                         (0) x 8, length $bytes) . $bytes;

        $redis->ask('SETEX', 'ocspstaple:' . unpack('H*', sha256($der)), 3600,
                    $value . sha256($value));
    }
    $responder->clear_log;
    my ($other) = fleet(1, \@certs, modules => [$redis->modules],
                        lines => $redis->lines);
    $other->start;
    ok(wait_all_stapled($other, \@names), 'shared: all are stapled');
    is($responder->count, 0, 'shared: nobody was asked');
    check_staples($other, 'from the shared store');
    $other->stop;
}
