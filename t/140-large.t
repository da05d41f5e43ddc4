# Responses of up to 64 KiB are stapled in TLS 1.2 and 1.3; a larger one is
# refused while it arrives.
use strict;
use warnings;

use Apache::Test qw(-withtestmore);
use Staple::Test;
use Staple::Client;
use Staple::PKI;
use Staple::Responder;
use Staple::Server;

# RSA signatures are all of one size.
my $pki = Staple::PKI->new(dir => new_dir('pki'), key => 'rsa');
my $responder = Staple::Responder->new(pki => $pki);
my $name = 'size.example';
my %cert = map { $_ => $pki->cert("$_.example", url => $responder->url("/$_/"),
                                  serial => $_ eq 'a' ? '11' : $_ eq 'b' ? '12'
                                          : $_ eq 'c' ? '13' : '14') }
    qw(a b c d);
my @names = map { "$_.example" } sort keys %cert;
my $vhosts = [Staple::Server->stapled(@cert{sort keys %cert})];

plan tests => 14;

# How much the responder adds to what is asked of it.
$responder->set('a.example', 'good', pad => 60000);
my $server = Staple::Server->new(
    lines => "OCSPStapleIssuerCheck Off\n",
    vhosts => [$vhosts->[0]])->start;
ok(wait_all_stapled($server, ['a.example'], verify => $pki->ca_file),
   'a response of more than 60,000 bytes is stapled');
my $length = handshakes($server, ['a.example'])->{rows}[0]{length};
my $added = $length - 60000;
cmp_ok($length, '>', 60000, "$length bytes");
$server->stop;

# b: a chain of certificates in it; c: the largest; d: one byte more.
$responder->set('b.example', 'good', certs => 40);
$responder->set('c.example', 'good', pad => 65527 - $added);
$responder->set('d.example', 'good', pad => 65528 - $added);
$server->reconfigure(vhosts => $vhosts)->start;
ok(wait_all_stapled($server, [@names[0, 1]], verify => $pki->ca_file),
   'one with a chain of 40 certificates, too');
ok($server->wait_log(qr/"CN=d\.example".*larger than 65527 bytes/, 10),
   'one of 65528 bytes is refused');

my %row = map { $_->{name} => $_ }
    @{ handshakes($server, \@names, tls => '1.3',
                  verify => $pki->ca_file)->{rows} };
is(join(' ', map { $_->{ok} ? 'ok' : "failed:$_->{why}" } @row{@names}),
   'ok ok ok ok', 'TLS 1.3: all shake hands');
is(join(' ', map { $_->{status} } @row{@names}), 'good good good none',
   'TLS 1.3: large staples verify');
is($row{'c.example'}{length}, 65527, 'the largest that TLS 1.3 can carry');

# OpenSSL's clients take no more than 16 KiB in TLS 1.2, GnuTLS's do.
SKIP: {
    skip 'gnutls-cli is not installed', 6 if !have_tool('gnutls-cli');
    for my $name (@names[0 .. 2]) {
        my $gnutls = gnutls_cli($server, $name, tls => '1.2',
                                ca => $pki->ca_file);
        ok($gnutls->{ok} && $gnutls->{trusted}, "TLS 1.2: $name is trusted")
            or diag($gnutls->{text});
        ok($gnutls->{sent}, "TLS 1.2: $name has a staple");
    }
}
is(join("\n", $server->bad_lines), '', 'nothing bad in the log');
