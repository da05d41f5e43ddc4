# A browser: Firefox ESR takes a must-staple host with a staple, refuses it
# without, and refuses a certificate whose staple says revoked.  It does so with
# security.ssl.enable_ocsp_must_staple and security.ssl.enable_ocsp_stapling on,
# as they are by default (Staple::Firefox says what else is set).
use strict;
use warnings;

use Apache::Test qw(-withtestmore);
use Staple::Test;
use Staple::Client;
use Staple::Firefox;
use Staple::PKI;
use Staple::Responder;
use Staple::Server;

my $missing = Staple::Firefox::missing();
plan tests => 8, need { $missing => !$missing };

my $pki = Staple::PKI->new(dir => new_dir('pki'));
my $responder = Staple::Responder->new(pki => $pki);
my @names = map { "$_.example" } qw(must bare plain revoked);
my %cert = map {
    $_ => $pki->cert($_, url => $responder->url("/$_/"), san => $_,
                     must_staple => scalar(/^(?:must|bare)/))
} @names;
$responder->set('*', 'trylater', path => '/bare.example/');
$responder->set('*', 'trylater', path => '/plain.example/');
$responder->set('revoked.example', 'revoked');
my $server = Staple::Server->new(
    vhosts => [Staple::Server->stapled(@cert{@names})])->start;
write_file($server->root . '/htdocs/index.html', 'it came');
ok(wait_all_stapled($server, ['must.example', 'revoked.example'],
                    verify => $pki->ca_file),
   'two are stapled, two have nothing');

my $firefox = Staple::Firefox->new(pki => $pki, names => \@names);
like($firefox->version, qr/^\d/, 'Firefox ' . $firefox->version);

# What the browser makes of a host.
sub load {
    my ($name) = @_;

    return $firefox->load("https://$name.example:" . $server->port
                          . '/index.html');
}

is(load('must'), 'it came', 'must-staple, with a staple: the page');
is(load('bare'), 'MOZILLA_PKIX_ERROR_REQUIRED_TLS_FEATURE_MISSING',
   'must-staple, without: refused');
is(load('plain'), 'it came', 'a usual certificate, without: the page');
is(load('revoked'), 'SEC_ERROR_REVOKED_CERTIFICATE',
   'its staple says revoked: refused');
is(scalar(grep { ($_->{headers}{'user-agent'} // '') =~ /Firefox/ }
          $responder->all), 0, 'the browser asked no responder');
is(join("\n", $server->bad_lines), '', 'nothing bad in the log');
