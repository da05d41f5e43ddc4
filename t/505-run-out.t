# What ran out while httpd was down is not good after the start: says the page,
# JSON, the metrics, the log and the tool.
use strict;
use warnings;

use Apache::Test qw(-withtestmore);
use Staple::Test;
use Staple::Client;
use Staple::Events;
use Staple::PKI;
use Staple::Responder;
use Staple::Server;
use Staple::Status;
use Staple::Stored;

my @ends = (['ended an hour ago', this => -7200, next => -3600],
            ['ended a moment ago', this => -3600, next => -5]);

plan tests => 15 * @ends + 1;

my $pki = Staple::PKI->new(dir => new_dir('pki'));
my $responder = Staple::Responder->new(pki => $pki);
my $cert = $pki->cert('a.example', url => $responder->url);
my $events = Staple::Events->new;
my $port = Staple::Server->another_port;
my $server = Staple::Server->new(
    modules => [qw(authz_host status)],
    lines => $events->lines
             . $events->access_lines(qw(STATUS SENT SIGNIFICANT))
             . "OCSPStapleMethod post\nOCSPStapleTimeout 300\n",
    vhosts => [status_vhost($port), Staple::Server->stapled($cert)]);
my $file = Staple::Stored->new($server, $cert);

sub response {
    my (%times) = @_;
    my $path = new_dir('response') . '/der';

    $responder->set('*', 'good', %times);
    capture(['openssl', 'ocsp', '-issuer', $pki->issuer_file, '-cert',
             $cert->{leaf}, '-url', $responder->url, '-respout', $path,
             '-noverify', '-no_nonce']);
    return read_file($path) // die "no response\n";
}

sub shown { return status_json($port)->{certificates}[0] }
sub page { return (status_get($port, '/'))[2] }

sub status_tool {
    return capture([top_builddir() . '/ocspstaple', 'status',
                    "http://127.0.0.1:$port/?format=json"]);
}

for my $row (@ends) {
    my ($name, %times) = @$row;

    $responder->set('*', 'good', next => 3600);
    $server->start;
    ok(wait_all_stapled($server, ['a.example']), "$name: good");
    ok(wait_until(sub { -e $file->path && $file->record->{state} == 1 }, 20),
       "$name: and stored as such");
    $server->stop;
    $file->write(der => response(%times));
    unlink $events->log;

    # ---- the responder hangs: nothing has failed yet ----
    $responder->set('*', 'hang');
    $responder->clear_log;
    $server->mark->start;
    $responder->wait_for(sub { $responder->count == 1 }, 20);
    is(shown()->{state}, 'pending', "$name: pending");
    ok(!staple($server, 'a.example')->{sent}, "$name: nothing is stapled");
    like(page(), qr/>0 of 1 certificates are good, 1 are still pending</,
         "$name: the page does not say that all is well");
    like((status_get($port, '/?format=prometheus'))[2],
         qr/^ocspstaple_certificates\{state="good"\} 0$/m,
         "$name: the metrics have none that is good");
    like(scalar status_tool(), qr/^OCSP OK: 0 of 1 certificates are good/,
         "$name: nor has the tool");
    is($events->access($server, 'a.example'), 'pending no -',
       "$name: nor has the access log");
    is(join(' ', $events->names), '', "$name: none of this is an event");

    # ---- it fails ----
    $responder->set('*', 'http=500');
    $server->stop;
    $server->mark->start;
    my $shown = wait_until(sub {
        my $now = shown();
        return $now->{state} eq 'unavailable' ? $now : undef }, 20);
    ok($shown, "$name: unavailable where that fails");
    ok($server->wait_log(qr/OST0044: 0 of 1 certificates are good/, 20,
                         since => 1), "$name: the log has none that is good");
    unlike(page(), qr/all is well|verdict ok/, "$name: all is not well");

    # ---- and succeeds ----
    $responder->set('*', 'good', next => 3600);
    ok(wait_all_stapled($server, ['a.example'], within => 30),
       "$name: good again");
    ok(wait_until(sub { page() =~ /all is well/ }, 20), "$name: all is well");
    like(scalar status_tool(), qr/^OCSP OK: all is well: 1 of 1 certificates are good/,
         "$name: says the tool, too");
    $server->stop;
}
is(join("\n", $server->bad_lines), '', 'nothing bad in the log');
