# A CRL of a million entries in a running httpd: judged right, in no memory to
# speak of, while OCSP, handshakes and the end of httpd do not wait for it.
use strict;
use warnings;

use File::Spec ();

use Apache::Test qw(-withtestmore);
use Time::HiRes qw(time);
use Staple::Test;
use Staple::Client;
use Staple::CRL;
use Staple::ListServer;
use Staple::PKI;
use Staple::Process qw(capture private_memory read_file);
use Staple::Responder;
use Staple::Server;
use Staple::Status;

my $ENTRIES = 1_000_000;
my $ROOM = 600; # MiB, for the list in several forms
my $tmp = File::Spec->tmpdir;
my ($free) = (capture(['df', '-Pm', $tmp]))[0] =~ /\n\S+\s+\d+\s+\d+\s+(\d+)/;

plan tests => 14,
     need { "no room of $ROOM MiB in $tmp" => ($free // 0) > $ROOM };

my $pki = Staple::PKI->new(dir => new_dir('pki'));
my $responder = Staple::Responder->new(pki => $pki);
my $lists = Staple::ListServer->new(dir => new_dir('lists'));
my $ca = Staple::CRL->new(pki => $pki, dir => new_dir('ca'));
my $url = $lists->url('ca.crl');
my %cert = (map({ $_ => $pki->cert("$_.example", crl => $url) }
                qw(good revoked)),
            ocsp => $pki->cert('ocsp.example', url => $responder->url));

$responder->set('*', 'good', next => 10); # so it is asked every few seconds
$lists->put('ca.crl', $ca->make);

my $port = Staple::Server->another_port;
my $server = Staple::Server->new(
    modules => [qw(authz_host status)],
    lines => "OCSPStapleIssuerCheck Off\nOCSPStapleCRLMaxSize 64M\n",
    vhosts => [status_vhost($port),
               map { { name => "$_.example", certs => [$cert{$_}],
                       lines => "OCSPStaple On\n" } } sort keys %cert],
)->start;

sub state_of {
    my ($json, $name) = @_;
    my ($row) = grep { $_->{subject} eq "CN=$name.example" }
                     @{ $json->{certificates} };

    return $row->{state};
}

# Private memory of the refresher's process, in KiB.
sub memory {
    my $pid = status_json($port)->{refresher}{pid};

    return private_memory($pid);
}

ok(wait_status($port, sub { state_of($_, 'revoked') eq 'good' }, 20),
   'a short list: good');
ok(wait_staple($server, 'ocsp.example'), 'and the other one is stapled');

my $small = memory();

$ca->revoke($cert{revoked}, 'keyCompromise');
$lists->put('ca.crl', $ca->make(more => join '', map {
    sprintf "R\t301231000000Z\t261101000000Z,superseded\t%08X\tunknown\t/CN=x\n",
            0x4000_0000 + 7 * $_
} 1 .. $ENTRIES));
unlink glob($server->root . '/store/*.crl*'); # so that it is asked for
$responder->clear_log;
$server->graceful(wait => 1);

my $result = handshakes($server, ['ocsp.example'], count => 400,
                        concurrency => 2, quiet => 1);

is($result->{ok}, 400, 'handshakes meanwhile');
is($result->{stapled}, 400, 'each with a staple');
ok(wait_status($port, sub { state_of($_, 'revoked') eq 'revoked' }, 60),
   'a million others are on the list, and ours: revoked');
is(state_of(status_json($port), 'good'), 'good', 'the one that is not: good');
my $json = wait_status($port, sub { $_->{crls}[0]{bytes} > 1000 });
my ($list) = @{ $json->{crls} };

is($list->{entries}, $ENTRIES + 1, 'each entry was read');
cmp_ok($list->{bytes}, '>', 30_000_000, 'that is more than 30 MB');
cmp_ok(memory(), '<', $small + 4096, 'and takes no memory')
    or diag("before: $small KiB");
ok($responder->wait_for(sub { $responder->count > 1 }, 30), 'OCSP goes on');

# ---- judged again from the store, and dropped half-way ----

$lists->clear_log;
$server->restart;
ok(wait_status($port, sub { state_of($_, 'revoked') eq 'revoked'
                            && $_->{crls}[0]{entries} == $ENTRIES + 1 }, 60),
   'after a stop and a start it is there again');
is($lists->count('ca.crl'), 0, 'without a request');
unlink glob($server->root . '/store/*.crl*');
$server->graceful;

my $began = time;

$server->stop;
cmp_ok(time - $began, '<', Staple::Process::scale(2),
       'httpd stops at once while it is fetched or judged');
is_deeply([$server->bad_lines], [], 'nothing is wrong in the log');
