# Certificates that cannot be stapled: one line each, and never a failed start.
use strict;
use warnings;

use Apache::Test qw(-withtestmore);
use Staple::Test;
use Staple::Client;
use Staple::PKI;
use Staple::Responder;
use Staple::Server;

plan tests => 19;

my $pki = Staple::PKI->new(dir => new_dir('pki'));
my $responder = Staple::Responder->new(pki => $pki);
my $url = $responder->url;
my %cert = (
    good      => $pki->cert('good.example', url => $url),
    nourl     => $pki->cert('nourl.example'),
    self      => $pki->cert('self.example', url => $url, self_signed => 1),
    noissuer  => $pki->cert('noissuer.example', url => $url),
    ftp       => $pki->cert('ftp.example', url => 'ftp://127.0.0.1/ocsp'),
    secret    => $pki->cert('secret.example',
                            url => 'http://joe:pass@127.0.0.1/'),
);

# The file without the issuer.
$cert{noissuer}{chain} = $cert{noissuer}{leaf};

my $server = Staple::Server->new(vhosts => [
    map { { name => "$_.example", certs => [$cert{$_}],
            lines => "OCSPStaple On\n" } } sort keys %cert]);

ok($server->try_start, 'httpd starts');
is(wait_staple($server, 'good.example')->{cert_status}, 'good',
   'the good one among them is stapled');

for my $name (sort grep { $_ ne 'good' } keys %cert) {
    my $result = staple($server, "$name.example");
    ok($result->{ok} && !$result->{sent}, "$name: handshake without a staple");
}

my %line = (
    nourl    => qr/:info\].*names no OCSP responder/,
    self     => qr/:info\].*self-signed/,
    noissuer => qr/:warn\].*issuer\ "CN=Test\ CA[^"]*"\ is\ not\ configured;
                   \ append\ it\ to\ the\ SSLCertificateFile/x,
    ftp      => qr/:info\].*(?:names no OCSP responder|URL)/,
    secret   => qr/:info\].*(?:names no OCSP responder|URL)/,
);

for my $name (sort keys %line) {
    my @lines = $server->log_lines(qr/$name\.example.*not stapled/);
    is(@lines, 1, "$name: one line") or diag(join "\n", @lines);
    like($lines[0] // '', $line{$name}, "$name: what it says");
}

is($responder->count, 1, 'one request in all');
unlike($server->error_log, qr/joe:pass/, 'no password in the log');
