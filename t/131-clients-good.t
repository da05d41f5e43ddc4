# Clients of many sorts, in TLS 1.2 and 1.3, ask for a staple and take it.
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

plan tests => 3 + 6 * $clients->all;

my $responder = Staple::Responder->new(pki => $pki);
my $cert = $pki->cert('a.example', url => $responder->url);
my $server = Staple::Server->new(vhosts => [Staple::Server->stapled($cert)])
    ->start;

ok(wait_all_stapled($server, ['a.example'], verify => $pki->ca_file),
   'stapled');
my $sha1 = handshakes($server, ['a.example'])->{rows}[0]{sha1};

for my $client ($clients->all) {
    for my $tls ('1.2', '1.3') {
      SKIP: {
            my $who = "$client->{name}, TLS $tls";
            skip "$who: $client->{missing}", 3 if $client->{missing};
            my $got = $clients->shake($client, $server, 'a.example',
                                      tls => $tls);

            ok($got->{ok}, "$who: the certificate is good")
                or diag($got->{text});
            ok($got->{stapled}, "$who: there is a staple");
            is($got->{sha1} // $sha1, $sha1, "$who: it is the one that is held");
        }
    }
}
is($responder->count, 1, 'no client has asked the responder');
is(join("\n", $server->bad_lines), '', 'nothing bad in the log');
