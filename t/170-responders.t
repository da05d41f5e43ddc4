# Responders that are not ours: openssl ocsp, and CFSSL's.
use strict;
use warnings;

use Apache::Test qw(-withtestmore);
use Staple::Test;
use Staple::Client;
use Staple::PKI;
use Staple::Process qw(free_port);
use Staple::Responder;
use Staple::Server;

my $has_cfssl = have_tool('cfssl');

plan tests => 10;

my $pki = Staple::PKI->new(dir => new_dir('pki'));

sub check {
    my ($which, $url, $lines, $make, @statuses) = @_;
    my %cert = map { $_ => $pki->cert("$which-$_.example", url => $url) }
        @statuses;
    my $responder = $make->(@cert{@statuses});

    $responder->revoke($cert{revoked}) if $cert{revoked};
    my $server = Staple::Server->new(lines => $lines, vhosts => [
        Staple::Server->stapled(@cert{@statuses})])->start;
    for my $tls ('1.2', '1.3') {
        for my $status (@statuses) {
            my $name = $cert{$status}{name};

            is(wait_staple($server, $name, tls => $tls)->{cert_status}, $status,
               "$which, TLS $tls: $status");
        }
    }
    my $rows = handshakes($server, ["$which-good.example"],
                          verify => $pki->ca_file)->{rows};
    is($rows->[0]{status}, 'good', "$which: verifies");
    # Nothing failed on the way, as by a second method.
    is(join("\n", $server->log_lines(qr/: (?:POST|GET) http/)), '',
       "$which: nothing was refused");
}

my $port = free_port;
check('openssl', "http://127.0.0.1:$port/", '', sub {
    return Staple::Responder::OpenSSL->new(pki => $pki, port => $port);
}, qw(good revoked));

SKIP: {
    skip 'no cfssl', 4 if !$has_cfssl;
    $port = free_port;
    check('cfssl', "http://127.0.0.1:$port/", '', sub {
        return Staple::Responder::CFSSL->new(pki => $pki, port => $port,
                                             certs => [@_]);
    }, 'good');
}
