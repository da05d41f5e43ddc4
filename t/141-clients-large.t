# How large a staple clients of many sorts take: 15,000 bytes are no matter;
# some end the handshake at 16 KiB, 32 KiB or 64 KiB.
use strict;
use warnings;

use Apache::Test qw(-withtestmore);
use Staple::Test;
use Staple::Client;
use Staple::Clients;
use Staple::PKI;
use Staple::Responder;
use Staple::Server;

# RSA signatures, and so RSA certificates, are all of one size.
my $pki = Staple::PKI->new(dir => new_dir('pki'), key => 'rsa');
my $clients = Staple::Clients->new(pki => $pki);
my $responder = Staple::Responder->new(pki => $pki);
my $most = 65_527;    # what can be stapled at all

# One host for each size; serial numbers of one length.
my %cert;

sub cert_for {
    my ($bytes) = @_;

    return $cert{$bytes} //= $pki->cert(
        sprintf('s%05d.example', $bytes), url => $responder->url("/$bytes/"),
        serial => 11 + keys %cert, key => 'rsa');
}

# What each client is tried with: [client, tls, bytes, whether it takes them].
my @tries;
for my $client ($clients->all) {
    for my $tls ('1.2', '1.3') {
        my $largest = Staple::Clients::largest($client, cert_for(15_000), $tls)
            // $most;

        push @tries, [$client, $tls, 15_000, 1];
        push @tries, $largest < $most
            ? ([$client, $tls, $largest, 1], [$client, $tls, $largest + 1, 0])
            : [$client, $tls, $most, 1];
    }
}

plan tests => 3 + @tries;

cert_for($_->[2]) for @tries;
my @sizes = sort { $a <=> $b } keys %cert;
my @names = map { $cert{$_}{name} } @sizes;

# What the responder adds to what is asked of it.
$responder->set('*', 'good', pad => 15_000, path => '/15000/');
my $server = Staple::Server->new(
    lines => "OCSPStapleIssuerCheck Off\n" . Staple::Clients::any_size(),
    vhosts => [Staple::Server->stapled($cert{15_000})])->start;
wait_all_stapled($server, ['s15000.example']) or die "not stapled\n";
my $added = handshakes($server, ['s15000.example'])->{rows}[0]{length} - 15_000;
$server->stop;
$responder->set_all(map { ['*', 'good', pad => $_ - $added, path => "/$_/"] }
                        @sizes);
$server->reconfigure(
    lines => "OCSPStapleIssuerCheck Off\nOCSPStapleStore none\n"
             . Staple::Clients::any_size(),
    vhosts => [Staple::Server->stapled(@cert{@sizes})])->start;

ok(wait_all_stapled($server, \@names, tls => '1.3', verify => $pki->ca_file),
   'all sizes are stapled');
my @lengths = map { $_->{length} } @{ handshakes($server, \@names)->{rows} };
is(join(' ', sort { $a <=> $b } @lengths), "@sizes", 'each is as large as it shall be');

for my $try (@tries) {
    my ($client, $tls, $bytes, $takes) = @$try;
    my $who = "$client->{name}, TLS $tls, $bytes bytes";

  SKIP: {
        skip "$who: $client->{missing}", 1 if $client->{missing};
        my $got = $clients->shake($client, $server, $cert{$bytes}{name},
                                  tls => $tls);

        if ($takes) {
            ok($got->{ok} && $got->{stapled}, "$who: takes them")
                or diag($got->{text});
        }
        else {
            skip "$who: this version takes them", 1 if $got->{ok};
            like($got->{text}, qr/excessive message size|exceeds \S* ?maximum/,
                 "$who: ends the handshake");
        }
    }
}
is(join("\n", $server->bad_lines), '', 'nothing bad in the log');
