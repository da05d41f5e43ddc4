# The command check of ocspstaple where the certificate names no OCSP responder:
# its CRL says whether it is revoked.
use strict;
use warnings;

use Apache::Test qw(-withtestmore);
use JSON::PP ();
use Staple::Test;
use Staple::CRL;
use Staple::ListServer;
use Staple::PKI;
use Staple::Responder;
use Staple::TlsServer;

my $pki = Staple::PKI->new(dir => new_dir('pki'));
my $lists = Staple::ListServer->new(dir => new_dir('lists'));
my $ca = Staple::CRL->new(pki => $pki, dir => new_dir('ca'));
my $responder = Staple::Responder->new(pki => $pki);
my $url = $lists->url('ca.crl');
my %cert = (
    listed => $pki->cert('l.example', crl => $url),
    must => $pki->cert('m.example', crl => $url, must_staple => 1),
    both => $pki->cert('b.example', crl => $url, url => $responder->url),
    mute => $pki->cert('n.example'),
);
my %server;

# One look: exit status, text.
sub check {
    my ($which, @more) = @_;

    $server{$which} ||= Staple::TlsServer->new(
        cert => $cert{$which}, issuer => $pki->issuer_file);
    my ($text, $status) = capture(
        [top_builddir() . '/ocspstaple', 'check', $cert{$which}{name},
         '--connect', $server{$which}->address, '--ca', $pki->ca_file, @more],
        timeout => 60);

    return ($status, $text);
}

sub says {
    my ($name, $status, $pattern, @arguments) = @_;

    return first_line_says($name, $status, $pattern, check(@arguments));
}

sub crl_of {
    my (@arguments) = @_;
    my $text = (check(@arguments, '--json'))[1];
    my $host = JSON::PP->new->decode($text)->{hosts}[0];

    is($host->{status}, 'none', 'JSON: no staple');
    return $host->{crl};
}

# ---- good ----

$lists->put('ca.crl', $ca->make);
my $text = says('good', 0,
                qr/^OCSP OK: l\.example:443: good, its CRL says, until \S+Z; no staple: .* \| certificate_left=\d+s;;;0$/,
                'listed');
like($text, qr/^CRL:         \Q$url\E\nit says:     good\nthis update: \d.*\nnext update: \d/m,
     'good: details');
my $crl = crl_of('listed');
is($crl->{status}, 'good', 'JSON: good');
is($crl->{url}, $url, 'JSON: whose');
like($crl->{next_update}, qr/^\d{4}-/, 'JSON: until when');
$lists->clear_log;
check('listed', '--tls1.2', '--tls1.3');
is($lists->count('ca.crl'), 1, 'two looks at one certificate: its CRL is fetched once');
$lists->clear_log;
says('--no-crl', 0, qr/^OCSP OK: .*; its CRL is at \Q$url\E/, 'listed',
     '--no-crl');
is($lists->count('ca.crl'), 0, '--no-crl: it is not fetched');
is(crl_of('listed', '--no-crl'), undef, 'JSON: no CRL was asked');
says('with a responder', 1, qr/^OCSP WARNING: .*the server sent none/, 'both');
is($lists->count('ca.crl'), 0, 'with a responder: that would say, the CRL is not asked');
says('no CRL', 0, qr/^OCSP OK: .*no OCSP responder in the certificate \|/,
     'mute');
says('must-staple', 2, qr/^OCSP CRITICAL: .*must-staple/, 'must');

# ---- revoked ----

$ca->revoke($cert{listed}, 'keyCompromise');
$ca->revoke($cert{must}, 'superseded');
$lists->put('ca.crl', $ca->make);
$text = says('revoked', 2,
             qr/^OCSP CRITICAL: .*: the certificate is revoked, its CRL says \(keyCompromise, \S+Z\) \|/,
             'listed');
like($text, qr/^it says:     revoked \(keyCompromise/m, 'revoked: details');
$crl = crl_of('listed');
is($crl->{status}, 'revoked', 'JSON: revoked');
is($crl->{revocation_reason}, 'keyCompromise', 'JSON: why');
says('revoked and must-staple', 2, qr/is revoked, its CRL says/, 'must');

# ---- not to be had ----

$lists->fault('ca.crl', 'html');
says('refused', 1, qr/^OCSP WARNING: .*its CRL at \Q$url\E says nothing: http_type: /,
     'listed');
is(crl_of('listed')->{reason}, 'http_type', 'JSON: why nothing');
$lists->fault('ca.crl', 'hang');
my $begun = time;
says('no answer', 1, qr/^OCSP WARNING: .* says nothing: timeout: /, 'listed',
     '--timeout', 2);
cmp_ok(time - $begun, '<', 15, 'no answer: it does not wait for long');

done_testing();
