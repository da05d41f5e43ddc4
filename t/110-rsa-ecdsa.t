# RSA and ECDSA certificates on one vhost are two entries; each client gets its
# own, also when only one of them is revoked.
use strict;
use warnings;

use Apache::Test qw(-withtestmore);
use Staple::Test;
use Staple::Client;
use Staple::PKI;
use Staple::Responder;
use Staple::Server;

plan tests => 12;

my $pki = Staple::PKI->new(dir => new_dir('pki'));
my $responder = Staple::Responder->new(pki => $pki);
my %cert = map { $_ => $pki->cert("$_.example", url => $responder->url,
                                  key => $_, san => ['both.example']) }
    qw(rsa ec);

$responder->set('rsa.example', 'revoked');
my $server = Staple::Server->new(vhosts => [
    { name => 'both.example', certs => [@cert{qw(rsa ec)}],
      lines => "OCSPStaple On\n" }])->start;
my %status = (rsa => 'revoked', ec => 'good');

for my $tls ('1.2', '1.3') {
    for my $kind (qw(rsa ec)) {
        my $result = wait_staple($server, 'both.example', tls => $tls,
                                 kind => $kind);
        is(lc($result->{serial} // ''), lc $cert{$kind}{serial},
           "TLS $tls, $kind client: the staple of its certificate");
        is($result->{cert_status}, $status{$kind}, 'with its status');
    }
}
is($responder->count, 2, 'two requests');
for my $kind (qw(rsa ec)) {
    is($responder->count(serial => $cert{$kind}{serial}), 1, "one for $kind");
}
is(join("\n", $server->bad_lines), '', 'nothing bad in the log');
