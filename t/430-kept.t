# Twenty failures of ten kinds cost nothing: the response held is stapled on.
use strict;
use warnings;

use Apache::Test qw(-withtestmore);
use Staple::Test;
use Staple::Client;
use Staple::PKI;
use Staple::Responder;
use Staple::Server;

my @kinds = (
    ['http=500'], ['trylater'], ['http=404'], ['short'], ['html'],
    ['unauthorized'], ['empty'], ['junk'], ['good', flip => 'signature'],
    ['good', this => -7200, next => -3600],
);

plan tests => 7;

my $pki = Staple::PKI->new(dir => new_dir('pki'));
my $responder = Staple::Responder->new(pki => $pki);
my $cert = $pki->cert('a.example', url => $responder->url);
my $host = sub {
    return { name => 'a.example', certs => [$cert],
             lines => "OCSPStaple On\nOCSPStapleRetryInterval 1\n"
                    . "OCSPStapleMaxTries 1000\n$_[0]" };
};
my $server = Staple::Server->new(vhosts => [$host->('')])->start;

ok(wait_all_stapled($server, ['a.example']), 'stapled');
my ($first) = map { $_->{sha1} } @{ handshakes($server, ['a.example'])->{rows} };

# Asked in another way, it is asked now; each rule holds for one request, the
# last one first.
$responder->clear_log;
$responder->set_all(['*', 'http=500'],
                    map { ['*', @$_, count => 1] } reverse @kinds, @kinds);
$server->reconfigure(vhosts => [$host->("OCSPStapleMethod post\n")]);
my $end = start_handshakes($server, ['a.example'], concurrency => 2);
$server->graceful;
ok(wait_until(sub { $responder->count >= 20 }, 60), 'asked twenty times');
my $result = $end->();

my %actions = map { ("$_->{action}" => 1) } $responder->requests;
is(grep({ $_->{method} eq 'POST' } $responder->requests),
   scalar $responder->requests, 'each failed job was one request');
my $failed = () = $server->error_log =~ /CN=a\.example[^\n]*POST /g;
cmp_ok($failed, '>=', 19, 'each is told in the log');
my $in_between = grep { $_->{ok} } @{ $result->{rows} };
my $stapled = grep { $_->{ok} && ($_->{sha1} // '') eq $first }
    @{ $result->{rows} };
diag("handshakes: $result->{total}, stapled: $result->{stapled}");
ok($result->{total} > 100 && $result->{stapled} == $result->{total},
   'every handshake meanwhile was stapled')
    or diag(substr $result->{text}, -500);
is((map { $_->{sha1} } @{ handshakes($server, ['a.example'])->{rows} })[0],
   $first, 'with the good response that was held');
is(join("\n", $server->bad_lines), '', 'nothing bad in the log');
