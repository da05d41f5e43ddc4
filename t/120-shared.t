# The same certificate on many vhosts is one entry and one request.
use strict;
use warnings;

use Apache::Test qw(-withtestmore);
use Staple::Test;
use Staple::Client;
use Staple::PKI;
use Staple::Responder;
use Staple::Server;

plan tests => 6;

my $pki = Staple::PKI->new(dir => new_dir('pki'));
my $responder = Staple::Responder->new(pki => $pki);
my @names = map { "v$_.example" } 1 .. 50;
my $cert = $pki->cert('many.example', url => $responder->url, san => \@names);
my $server = Staple::Server->new(vhosts => [
    map { { name => $_, certs => [$cert],
            lines => 'OCSPStaple ' . ($_ eq 'v50.example' ? 'Off' : 'On') } }
        @names])->start;
my @on = grep { $_ ne 'v50.example' } @names;

ok(wait_all_stapled($server, \@on), 'all 49 vhosts are stapled');
my $result = handshakes($server, \@on, verify => $pki->ca_file);
is(grep({ $_->{status} eq 'good' } @{ $result->{rows} }), 49,
   'each with a good response');
my %seen = map { $_->{sha1} => 1 } @{ $result->{rows} };
is(keys %seen, 1, 'the very same');
ok(!staple($server, 'v50.example')->{sent},
   'the vhost with OCSPStaple Off sends nothing, same certificate or not');
is($responder->count, 1, 'one request');
is($server->log_lines(qr/refresher of 1 certificates/), 1, 'one certificate');
