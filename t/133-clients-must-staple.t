# Certificates that ask for a staple (RFC 7633), and others, with one and
# without: which clients take what.
use strict;
use warnings;

use Apache::Test qw(-withtestmore);
use Staple::Test;
use Staple::Client;
use Staple::Clients;
use Staple::PKI;
use Staple::Responder;
use Staple::Server;

my $pki = Staple::PKI->new(dir => new_dir('pki'));
my $clients = Staple::Clients->new(pki => $pki);

plan tests => 2 + 6 * $clients->all;

my $responder = Staple::Responder->new(pki => $pki);
my %cert = (must => $pki->cert('must.example', url => $responder->url('/good/'),
                               must_staple => 1),
            bare => $pki->cert('bare.example', url => $responder->url('/none/'),
                               must_staple => 1),
            plain => $pki->cert('plain.example',
                                url => $responder->url('/none/')));
$responder->set('*', 'trylater', path => '/none/');
my $server = Staple::Server->new(
    vhosts => [Staple::Server->stapled(@cert{qw(plain bare must)})])->start;

ok(wait_all_stapled($server, ['must.example'], verify => $pki->ca_file),
   'one is stapled, two have nothing');

# What a client makes of a certificate.
sub takes {
    my ($client, $name, $tls) = @_;
    my $got = $clients->shake($client, $server, "$name.example", tls => $tls);

    diag($got->{text}) if !$got->{ok} && $name eq 'must';
    return $got->{ok} ? 'takes it' : 'refuses it';
}

for my $client ($clients->all) {
    my $needs = $client->{needs} // '';

    for my $tls ('1.2', '1.3') {
      SKIP: {
            my $who = "$client->{name}, TLS $tls";
            skip "$who: $client->{missing}", 3 if $client->{missing};
            is(takes($client, 'must', $tls), 'takes it',
               "$who: must-staple, with a staple");
            is(takes($client, 'bare', $tls),
               $needs ? 'refuses it' : 'takes it',
               "$who: must-staple, without");
            is(takes($client, 'plain', $tls),
               $needs eq 'staple' ? 'refuses it' : 'takes it',
               "$who: a usual certificate, without");
        }
    }
}
is(join("\n", $server->bad_lines), '', 'nothing bad in the log');
