# A staple that is good for days is not lost to one that ends in a second, or has
# ended within the tolerance of clocks: those are failed attempts.
use strict;
use warnings;

use Apache::Test qw(-withtestmore);
use Staple::Test;
use Staple::Client;
use Staple::PKI;
use Staple::Responder;
use Staple::Server;
use Staple::Status;

my @successors = (
    ['ends_soon', 'ends in a second', this => 0, next => 1],
    ['expired', 'ended within the tolerance', this => -30, next => -1],
);

plan tests => 6 * @successors + 9;

my $pki = Staple::PKI->new(dir => new_dir('pki'));
my $responder = Staple::Responder->new(pki => $pki);
my $cert = $pki->cert('a.example', url => $responder->url);
my $late = $pki->cert('late.example', url => $responder->url('/late/'));
my $port = Staple::Server->another_port;

# Asked by another method, it is asked at once; automatically again.
sub host {
    my ($cert, $method) = @_;

    return { name => $cert->{name}, certs => [$cert],
             lines => "OCSPStaple On\nOCSPStapleMethod $method\n" };
}

sub server {
    my @vhosts = @_;

    return Staple::Server->new(modules => [qw(authz_host status)],
                               vhosts => [status_vhost($port), @vhosts]);
}

# Never sooner than the back-off has it: 5 s, then 10 s.
sub backs_off {
    my @times = map { $_->{time} } $responder->requests;

    return $times[1] - $times[0] >= 4.9 && $times[2] - $times[1] >= 9.9;
}

for my $row (@successors) {
    my ($reason, $name, %times) = @$row;

    $responder->set('*', 'good', this => -60, next => 7 * 86400);
    my $server = server(host($cert, 'post'))->start;
    ok(wait_all_stapled($server, ['a.example']), "$name: a week is held");
    my ($held) = map { $_->{sha1} }
        @{ handshakes($server, ['a.example'])->{rows} };

    $responder->set('*', 'good', %times);
    $responder->clear_log;
    my $end = start_handshakes($server, ['a.example'], concurrency => 2);
    $server->reconfigure(vhosts => [status_vhost($port), host($cert, 'get')])
           ->graceful;
    ok($responder->wait_for(sub { $responder->count >= 3 }, 40),
       "$name: three are offered");
    ok(backs_off(), "$name: with the times of failed jobs");
    my $result = $end->();
    ok($result->{total} > 100
           && $result->{total}
                  == grep({ ($_->{sha1} // '') eq $held } @{ $result->{rows} }),
       "$name: each handshake was stapled, with the one that was held")
        or diag("$result->{total}, stapled: $result->{stapled}");
    my ($shown) = @{ status_json($port)->{certificates} };
    is("$shown->{state} $shown->{error}", "good $reason",
       "$name: the status says good, and what is wrong");
    is(join("\n", $server->bad_lines), '', "$name: nothing bad in the log");
    $server->stop;
}

# ---- nothing is held ----

$responder->set('*', 'good', this => -3600, next => -2);
$responder->clear_log;
my $server = server(host($late, 'post'))->start;
ok($responder->wait_for(sub { $responder->count >= 3 }, 40),
   'nothing held: three are offered');
ok(backs_off(), 'nothing held: with the times of failed jobs');
ok(!staple($server, 'late.example')->{sent}, 'nothing held: nothing is stapled');
my ($shown) = @{ status_json($port)->{certificates} };
is("$shown->{state} $shown->{error}", 'unavailable expired',
   'nothing held: unavailable');
is($shown->{staple}, undef, 'nothing held: says JSON');
my $page = (status_get($port, '/'))[2];
unlike($page, qr/all is well/, 'nothing held: the page does not say it is well');
like($page, qr/>1 certificate has neither an OCSP response nor a CRL: /,
     'nothing held: but what is not');
is($server->log_lines(qr/OST0044: 0 of 1 certificates are good/), 1,
   'nothing held: none is good');
is(join("\n", $server->bad_lines), '', 'nothing held: nothing bad in the log');
