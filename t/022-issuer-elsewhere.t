# A certificate whose SSLCertificateFile lacks its issuer: that may be in
# OCSPStapleChainFile.
use strict;
use warnings;

use Apache::Test qw(-withtestmore);
use Staple::Test;
use Staple::Client;
use Staple::CRL;
use Staple::ListServer;
use Staple::PKI;
use Staple::Responder;
use Staple::Server;
use Staple::Status;

plan tests => 18;

my $pki = Staple::PKI->new(dir => new_dir('pki'));
my $responder = Staple::Responder->new(pki => $pki);
my $lists = Staple::ListServer->new(dir => new_dir('lists'));
my $url = $responder->url;
my $dir = new_dir('chains');

# As it is configured: without its issuer.
sub alone {
    my ($cert) = @_;

    return { %$cert, chain => $cert->{leaf} };
}

my %cert = map { $_ => $pki->cert("$_.example", url => $url) }
    qw(here none twin beside shared);
$cert{rsa} = $pki->cert('both.example', url => $url, key => 'rsa');
$cert{ec} = $pki->cert('both-ec.example', url => $url, san => 'both.example');
$cert{crl} = $pki->cert('crl.example', crl => $lists->url('ca.crl'));
$lists->put('ca.crl', Staple::CRL->new(pki => $pki, dir => new_dir('ca'))->make);
my $chain = "OCSPStaple On\nOCSPStapleChainFile "
          . write_file("$dir/issuers.pem", read_file($pki->ca_file)
                       . read_file($pki->issuer_file)) . "\n";
my $twin = $pki->file('twin-ca');
my $port = Staple::Server->another_port;
my $server = Staple::Server->new(
    modules => [qw(authz_host status)],
    vhosts => [
        status_vhost($port),
        { name => 'here.example', certs => [alone($cert{here})],
          lines => $chain },
        { name => 'none.example', certs => [alone($cert{none})],
          lines => "OCSPStaple On\n" },
        { name => 'twin.example', certs => [alone($cert{twin})],
          lines => "OCSPStaple On\nOCSPStapleChainFile $twin\n" },
        { name => 'both.example', certs => [$cert{rsa}, alone($cert{ec})],
          lines => $chain },
        { name => 'crl.example', certs => [alone($cert{crl})],
          lines => $chain },
        { name => 'shared.example', certs => [$cert{shared}],
          lines => "OCSPStaple On\n" },
        { name => 'shared-too.example', certs => [alone($cert{shared})],
          lines => "OCSPStaple On\n" },
        { name => 'beside.example', certs => [alone($cert{beside})],
          lines => "OCSPStaple Off\nOCSPStapleChainFile $twin\n" },
    ])->start;

for my $tls ('1.2', '1.3') {
    is(wait_staple($server, 'here.example', tls => $tls)->{cert_status}, 'good',
       "TLS $tls: stapled, with the issuer of OCSPStapleChainFile");
    for my $kind ('rsa', 'ec') {
        is(wait_staple($server, 'both.example', tls => $tls, kind => $kind)
               ->{cert_status}, 'good',
           "TLS $tls: two certificates, one without its issuer: $kind");
    }
    is(wait_staple($server, 'shared-too.example', tls => $tls)->{cert_status},
       'good', "TLS $tls: another host knows the issuer");
}
is($server->log_lines(qr/OST0153.*CN=here\.example".*CN=.*stapled\ all\ the\ same/x),
   1, 'one line says so');
for my $name ('none', 'twin') {
    is($server->log_lines(qr/OST0011.*$name\.example.*append\ it\ to\ the
                             \ SSLCertificateFile,.*OCSPStapleChainFile/x), 1,
       "$name: where the issuer has to be is told");
    ok(!staple($server, "$name.example")->{sent}, "$name: not stapled");
}
my $json = wait_status($port, sub {
    grep { $_->{subject} =~ /CN=crl\.example/ && $_->{state} eq 'good' }
         @{ $_[0]{certificates} } }, 10);
ok($json, 'one without OCSP is followed by its CRL');
ok(!staple($server, 'beside.example')->{sent}, 'Off is off');
is(join(' ', sort map { $_->{subject} =~ /CN=(\w+)\.example/ }
                  grep { $_->{state} eq 'disabled' }
                       @{ ($json // {})->{certificates} }),
   'none twin', 'those without issuer are shown as disabled');

# mod_ssl's own stapling has its callback, which asks us first.
$server->reconfigure(lines => "SSLUseStapling On\n"
                            . "SSLStaplingCache shmcb:run/staples(512000)\n");
$server->stop;
$server->start;
is(wait_staple($server, 'here.example')->{cert_status}, 'good',
   'with SSLUseStapling On, too');
is(join("\n", $server->bad_lines), '', 'nothing bad in the log');
