# The command fetch of ocspstaple where there is no OCSP: it fetches the CRL, and
# shows each step.
use strict;
use warnings;

use Apache::Test qw(-withtestmore);
use JSON::PP ();
use Staple::Test;
use Staple::CRL;
use Staple::ListServer;
use Staple::PKI;
use Staple::Responder;

plan tests => 18;

my $pki = Staple::PKI->new(dir => new_dir('pki'));
my $lists = Staple::ListServer->new(dir => new_dir('lists'));
my $responder = Staple::Responder->new(pki => $pki);
my $ca = Staple::CRL->new(pki => $pki, dir => new_dir('ca'));
my $plain = $pki->cert('b.example', crl => $lists->url('ca.crl'));
my $both = $pki->cert('c.example', url => $responder->url,
                      crl => $lists->url('ca.crl'));
my $bare = $pki->cert('d.example');

sub fetch {
    my ($which, @arguments) = @_;
    my ($text, $status)
        = capture([top_builddir() . '/ocspstaple', 'fetch', '--chain',
                   $which->{chain}, @arguments], timeout => 60);

    return ($status, $text);
}

$lists->put('ca.crl', $ca->make);
my ($status, $text) = fetch($plain);
is($status, 0, 'good: exit status 0') or diag($text);
like($text, qr{^1\. GET http://127.0.0.1:\d+/ca.crl$}m, 'good: what was asked');
like($text, qr/answer: +HTTP 200, \d+ bytes/, 'good: what came');
like($text, qr/verdict: +CRL 01 of 0 entries, until \d/, 'good: what it is');
like($text, qr/^stapled: +nothing/m, 'good: there is nothing to staple');
like($text, qr/^good\n\z/m, 'good: at the end');

$ca->revoke($plain, 'keyCompromise');
$lists->put('ca.crl', $ca->make);
($status, $text) = fetch($plain);
is($status, 10, 'revoked: exit status 10');
like($text, qr/^revoked \(keyCompromise, \d.*\)\n\z/m, 'revoked: at the end');

($status, $text) = fetch($plain, '--json');
my $object = JSON::PP->new->decode($text);
is($object->{status}, 'revoked', 'JSON: the status');
is_deeply([map { $_->{http_status} } @{ $object->{attempts} }], [200],
          'JSON: the attempts');

$responder->set('*', 'good', next => 3600);
($status, $text) = fetch($both);
like($text, qr/POST .*^good\n\z/ms, 'with a responder: that is asked');
($status, $text) = fetch($both, '--crl');
like($text, qr/CRL 02 of 1 entries.*^good\n\z/ms, '--crl: the list is');
is($responder->count, 1, '--crl: and not the responder');

($status, $text) = fetch($bare);
is($status, 1, 'neither: exit status 1');
like($text, qr/^rejected: certificate_without_url/m, 'neither: says so');
($status, $text) = fetch($bare, '--crl-url', $lists->url('ca.crl'));
is($status, 0, '--crl-url: the list that is named') or diag($text);

$lists->fault('ca.crl', 'html');
($status, $text) = fetch($plain);
is($status, 1, 'refused: exit status 1');
like($text, qr/verdict: +rejected: http_type.*^rejected: http_type/ms,
     'refused: why');
