# A staple that says revoked: clients of many sorts get it, and those that judge
# staples end the handshake.
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

plan tests => 2 + 4 * $clients->all;

my $responder = Staple::Responder->new(pki => $pki);
my $cert = $pki->cert('revoked.example', url => $responder->url);
$responder->set('*', 'revoked', reason => 'keyCompromise', next => 3600);
my $server = Staple::Server->new(vhosts => [Staple::Server->stapled($cert)])
    ->start;

ok(wait_all_stapled($server, ['revoked.example'], verify => $pki->ca_file),
   'stapled');

for my $client ($clients->all) {
    for my $tls ('1.2', '1.3') {
      SKIP: {
            my $who = "$client->{name}, TLS $tls";
            skip "$who: $client->{missing}", 2 if $client->{missing};
            my $got = $clients->shake($client, $server, 'revoked.example',
                                      tls => $tls);

            if (my $says = $client->{revoked}) {
                ok(!$got->{ok}, "$who: refuses the certificate");
                like($got->{text}, $says, "$who: and says why");
            }
            else {
                ok($got->{ok}, "$who: leaves it to the program that uses it")
                    or diag($got->{text});
                like($got->{text}, qr/\brevoked\b/, "$who: which gets it");
            }
        }
    }
}
is(join("\n", $server->bad_lines), '', 'nothing bad in the log');
