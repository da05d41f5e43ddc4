# OCSPStapleChain on the wire, as tshark reads it: in TLS 1.3 a response in each
# CertificateEntry, in TLS 1.2 one CertificateStatus.
use strict;
use warnings;

use Apache::Test qw(-withtestmore);
use Staple::Test;
use Staple::Chain;
use Staple::Client;
use Staple::PKI;
use Staple::Responder;
use Staple::Server;
use Staple::Wire;

plan tests => 8, need { Staple::Chain::missing() => Staple::Chain::can_chain(),
                        'no packets can be captured (tshark, and the right to)'
                            => have_capture() };

my $pki = Staple::PKI->new(dir => new_dir('pki'));
my $responder = Staple::Responder->new(pki => $pki);
my $url = $responder->url;
my $top = $pki->cert('top', ca => 1, issuer => 'root', url => $url);
my $low = $pki->cert('low', ca => 1, issuer => $top, url => $url);
my $cert = $pki->cert('a.example', issuer => $low, url => $url);
my $server = Staple::Server->new(
    lines => 'OCSPStapleChainFile ' . $pki->ca_file . "\n",
    vhosts => [{ name => 'a.example', certs => [$cert],
                 lines => "OCSPStaple On\nOCSPStapleChain On\n" }])->start;

ok(wait_until(sub {
    my @all = staple($server, 'a.example')->{text} =~ /Cert Status: good/g;
    return @all == 3;
}, 15), 'three responses');

# What is in the packets that match, each in its order.
sub all_of {
    my ($wire, $filter, $field) = @_;

    return map { split /,/, $_->[0] } $wire->fields($filter, $field);
}

for my $tls ('1.3', '1.2') {
    my $wire = Staple::Wire->new($server->port) or die "tshark does not start\n";
    staple($server, 'a.example', tls => $tls,
           args => [-keylogfile => $wire->key_log]);
    $wire->stop(1);
    my @wanted = $tls eq '1.3' ? map { lc $_->{serial} } $cert, $low, $top
                               : lc $cert->{serial};
    my @serials = map { lc s/^0x//r =~ tr/://dr }
        all_of($wire, 'ocsp.responseStatus', 'ocsp.serialNumber');
    my @sent = all_of($wire, 'tls.handshake.type == 11',
                      'tls.handshake.certificate_length');
    my $messages = grep { $_ == 22 }
        all_of($wire, 'tls.handshake', 'tls.handshake.type');

    is(@sent, 3, "TLS $tls: certificates");
    is("@serials", "@wanted", "TLS $tls: whose responses, in their order");
    is($messages, $tls eq '1.2' ? 1 : 0, "TLS $tls: CertificateStatus messages");
}
is(join("\n", $server->bad_lines), '', 'nothing bad in the log');
