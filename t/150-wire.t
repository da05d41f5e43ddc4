# What goes over the wire, as tshark reads it: a CertificateStatus message in
# TLS 1.2; in TLS 1.3 the response is inside of Certificate.
use strict;
use warnings;

use Apache::Test qw(-withtestmore);
use Staple::Test;
use Staple::Client;
use Staple::PKI;
use Staple::Responder;
use Staple::Server;
use Staple::Wire;

plan tests => 9, need { 'no packets can be captured (tshark, and the right to)'
                            => have_capture() };

my $pki = Staple::PKI->new(dir => new_dir('pki'));
my $responder = Staple::Responder->new(pki => $pki);
my $cert = $pki->cert('a.example', url => $responder->url);
my $off = $pki->cert('off.example', url => $responder->url);
my $server = Staple::Server->new(vhosts => [
    { name => 'a.example', certs => [$cert], lines => "OCSPStaple On\n" },
    { name => 'off.example', certs => [$off] }])->start;

ok(wait_all_stapled($server, ['a.example']), 'stapled');

# The numbers of a field, of all packets.
sub numbers { return map { split /,/, $_->[0] } @_ }

for my $tls ('1.2', '1.3') {
    for my $name ('a.example', 'off.example') {
        my $wire = Staple::Wire->new($server->port)
            or die "tshark does not start\n";
        staple($server, $name, tls => $tls,
               args => [-keylogfile => $wire->key_log]);
        $wire->stop(1);
        my @types = numbers($wire->fields('tls.handshake', 'tls.handshake.type'));
        my @status = numbers($wire->fields('ocsp.responseStatus',
                                           'ocsp.responseStatus'));
        my $is_on = $name eq 'a.example';

        is(grep({ $_ == 22 } @types), $is_on && $tls eq '1.2' ? 1 : 0,
           "TLS $tls, $name: CertificateStatus messages")
            or diag("types: @types");
        is("@status", $is_on ? '0' : '',
           "TLS $tls, $name: OCSP responses, successful");
    }
}
