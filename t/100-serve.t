# every MPM
# A staple in TLS 1.2 and 1.3, as seen by OpenSSL, GnuTLS and curl.
use strict;
use warnings;

use Apache::Test qw(-withtestmore);
use Staple::Test;
use Staple::Client;
use Staple::PKI;
use Staple::Responder;
use Staple::Server;

my @clients = (have_tool('gnutls-cli') ? 'gnutls-cli' : (),
               have_tool('curl') ? 'curl' : ());
plan tests => 2 + 2 * (6 + 7);

my $pki = Staple::PKI->new(dir => new_dir('pki'));
my $responder = Staple::Responder->new(pki => $pki);
my @on = map { $pki->cert($_, url => $responder->url) }
    qw(a.example b.example);
my $off = $pki->cert('off.example', url => $responder->url);
my $server = Staple::Server->new(vhosts => [
    Staple::Server->stapled(@on),
    { name => 'off.example', certs => [$off], lines => "OCSPStaple Off\n" },
])->start;

ok(wait_all_stapled($server, [qw(a.example b.example)]),
   mpm() . ': both vhosts are stapled');

for my $tls ('1.2', '1.3') {
    for my $cert (@on) {
        my $result = staple($server, $cert->{name}, tls => $tls,
                            ca => $pki->ca_file);
        is($result->{response_status}, 'successful',
           "TLS $tls: OCSP Response Status");
        is($result->{cert_status}, 'good', "TLS $tls: Cert Status");
        is(lc($result->{serial} // ''), lc $cert->{serial},
           "TLS $tls: of this certificate");
    }
    my $result = staple($server, 'off.example', tls => $tls);
    ok($result->{ok} && !$result->{sent},
       "TLS $tls: no response sent with OCSPStaple Off");

    my $many = handshakes($server, ['a.example', 'b.example'], tls => $tls,
                          count => 20, verify => $pki->ca_file);
    is(grep({ $_->{status} eq 'good' } @{ $many->{rows} }), 20,
       "TLS $tls: 20 staples verify");

  SKIP: {
        skip 'gnutls-cli is not installed', 3 if !have_tool('gnutls-cli');
        my $gnutls = gnutls_cli($server, 'a.example', tls => $tls,
                                ca => $pki->ca_file);
        ok($gnutls->{ok} && $gnutls->{trusted}, "TLS $tls: GnuTLS trusts it")
            or diag($gnutls->{text});
        ok($gnutls->{sent}, "TLS $tls: GnuTLS sees the staple");
        $gnutls = gnutls_cli($server, 'off.example', tls => $tls,
                             ca => $pki->ca_file);
        ok(!$gnutls->{sent}, "TLS $tls: GnuTLS sees none where it is Off");
    }
  SKIP: {
        skip 'curl is not installed', 2 if !have_tool('curl');
        my ($status, $text) = curl_cert_status($server, 'a.example',
                                               tls => $tls, ca => $pki->ca_file);
        is($status, 0, "TLS $tls: curl --cert-status is content")
            or diag($text);
        is(curl_cert_status($server, 'off.example', tls => $tls,
                            ca => $pki->ca_file), 91,
           "TLS $tls: curl --cert-status is not where it is Off");
    }
}

is(join("\n", $server->bad_lines), '', 'nothing bad in the log');
