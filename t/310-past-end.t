# A staple past its nextUpdate is not served, whatever the responder does.
use strict;
use warnings;

use Apache::Test qw(-withtestmore);
use Staple::Test;
use Staple::Client;
use Staple::PKI;
use Staple::Responder;
use Staple::Server;

plan tests => 7;

my $pki = Staple::PKI->new(dir => new_dir('pki'));
my $responder = Staple::Responder->new(pki => $pki);
my $cert = $pki->cert('a.example', url => $responder->url);

$responder->set('*', 'good', next => 4);
my $server = Staple::Server->new(
    lines => "OCSPStapleRetryInterval 1\nOCSPStapleMaxTries 1000\n",
    vhosts => [{ name => 'a.example', certs => [$cert],
                 lines => "OCSPStaple On\n" }])->start;
ok(wait_all_stapled($server, ['a.example']), 'stapled');
$responder->stop;

# Judged by the client's clock at each handshake.
my (%seen, $last);
my $has_ended = wait_until(sub {
    $last = handshakes($server, ['a.example'], verify => $pki->ca_file)
                ->{rows}[0];
    $seen{ $last->{status} }++;
    return $last->{status} eq 'none';
}, 20, 0.05);

ok($has_ended, 'after a few seconds it is stapled no more');
ok($last->{ok}, 'the handshake goes on without');
ok($seen{good}, 'until then it was');
is(join(' ', sort keys %seen), 'good none', 'and never past its end');

$responder->reset_rules;
$responder->start;
ok(wait_all_stapled($server, ['a.example'], verify => $pki->ca_file,
                    within => 15), 'stapled again when the responder is back');
is(join("\n", $server->bad_lines), '', 'nothing bad in the log');
