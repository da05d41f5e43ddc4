# A server of CRLs that is hostile, or broken: each list is refused, for its own
# reason; the one that is held stays; nobody waits for it.
use strict;
use warnings;

use Apache::Test qw(-withtestmore);
use Time::HiRes qw(time);
use Staple::Test;
use Staple::Client;
use Staple::CRL;
use Staple::ListServer;
use Staple::PKI;
use Staple::Process qw(wait_until read_file);
use Staple::Responder;
use Staple::Server;
use Staple::Status;

my $pki = Staple::PKI->new(dir => new_dir('pki'));
my $responder = Staple::Responder->new(pki => $pki);
my $lists = Staple::ListServer->new(dir => new_dir('lists'));
my $ca = Staple::CRL->new(pki => $pki, dir => new_dir('ca'));
my $root = Staple::CRL->new(pki => $pki, dir => new_dir('root'), ca => 'root');
my $point = "issuingDistributionPoint = critical, \@point\n[point]\n";

# What is done to each list once it is held, and the reason that it gives.
my %row = (
    endless  => [fault => 'endless', 'too_large'],
    bare     => [fault => 'endless-bare', 'too_large'],
    trickle  => [fault => 'trickle', 'timeout'],
    stall    => [fault => 'stall', 'timeout'],
    hang     => [fault => 'hang', 'timeout'],
    close    => [fault => 'close', 'network'],
    html     => [fault => 'html', 'http_type'],
    empty    => [fault => 'empty', 'empty'],
    gone     => [fault => 'status=404', 'http_status'],
    other    => [list => sub { $root->make }, 'crl_wrong_issuer'],
    point    => [list => sub {
        $ca->make(exts => $point . "fullname = URI:http://other.example/x\n")
    }, 'crl_wrong_point'],
    scope    => [list => sub { $ca->make(exts => $point . "onlyCA = TRUE\n") },
                 'crl_wrong_scope'],
    junk     => [list => sub { 'x' x 1000 }, 'crl_malformed'],
    flipped  => [list => sub {
        my $der = $ca->make;

        substr($der, -20, 1) ^= "\x01";
        return $der;
    }, 'crl_bad_signature'],
);
my @names = sort keys %row;

plan tests => 3 * @names + 13;

my %cert = map {
    $_ => $pki->cert("$_.example", crl => $lists->url("$_.crl"))
} @names, 'replay';

$cert{ocsp} = $pki->cert('ocsp.example', url => $responder->url);
$lists->put("$_.crl", $ca->make(seconds => 3600)) for @names;

# The replayed list is older, and lives as long as the one after it.
my $older = $ca->make(last => -60, seconds => 3600, number => 7);

$lists->put('replay.crl', $older);
$responder->set('*', 'good', next => 10);

my $port = Staple::Server->another_port;
my $server = Staple::Server->new(
    modules => [qw(authz_host status)],
    lines => "OCSPStapleCRLMaxSize 65536\nOCSPStapleTimeout 1\n"
             . "OCSPStapleIssuerCheck Off\nOCSPStapleStore none\n"
             . "OCSPStapleRetryInterval 2\nOCSPStapleInterval 60\n",
    vhosts => [status_vhost($port),
               map { { name => "$_.example", certs => [$cert{$_}],
                       lines => "OCSPStaple On\n" } } sort keys %cert],
)->start;

sub certificate {
    my ($json, $name) = @_;
    my ($row) = grep { $_->{subject} eq "CN=$name.example" }
                     @{ $json->{certificates} };

    return $row;
}

sub list {
    my ($json, $name) = @_;
    my ($row) = grep { $_->{url} eq $lists->url("$name.crl") } @{ $json->{crls} };

    return $row;
}

# Private memory of the refresher's process, in KiB.
sub memory {
    my $json = status_json($port);

    return (read_file("/proc/$json->{refresher}{pid}/status") // '')
           =~ /^RssAnon:\s+(\d+)/m ? $1 : 0;
}

ok(wait_status($port, sub {
    my ($json) = $_;

    return !grep { certificate($json, $_)->{state} ne 'good' } @names,
                 'replay', 'ocsp';
}, 30), 'all are good at first') or diag(status_get($port, '/?format=json'));

my $before = memory();

cmp_ok($before, '>', 0, 'the refresher has memory');
for my $name (@names) {
    my ($how, $what) = @{ $row{$name} };

    if ($how eq 'fault') {
        $lists->fault("$name.crl", $what);
    }
    else {
        $lists->put("$name.crl", $what->());
    }
}
$ca->revoke($cert{replay}, 'superseded');
$lists->put('replay.crl', $ca->make(seconds => 3600, number => 100));
$responder->clear_log;
$server->graceful(wait => 1);

# ---- each has its reason, and changes nothing ----

my $json;

for my $name (@names) {
    my $reason = $row{$name}[2];

    # Its list, or, where that is right but not for this certificate, that.
    ok($json = wait_status($port, sub {
        grep { ($_ // '') eq $reason } list($_, $name)->{last_error},
                                       certificate($_, $name)->{error}
    }, 40), "$name: $reason") or diag(status_get($port, '/?format=json'));
    $json ||= status_json($port);
    is(certificate($json, $name)->{state}, 'good', "$name: still good");
    is(certificate($json, $name)->{source}, 'crl', "$name: by the list before");
}
ok(wait_status($port, sub { certificate($_, 'replay')->{state} eq 'revoked' }),
   'a newer list counts');
ok(wait_staple($server, 'ocsp.example'), 'OCSP goes on meanwhile');
cmp_ok(memory(), '<', $before + 4096, 'a gigabyte costs no memory');
is(scalar(glob($server->root . '/run/.crl-*') // 0), 0, 'no file is left');

# ---- a replay ----

$lists->put('replay.crl', $older);
$server->graceful(wait => 1);
ok(wait_status($port, sub {
    (certificate($_, 'replay')->{error} // '') eq 'crl_older'
}), 'an older list is told from a newer one, over a restart');
is(certificate(status_json($port), 'replay')->{state}, 'revoked',
   'and takes nothing back');

# ---- nobody waits ----

ok($lists->wait_count($_, 2, 20), "$_ is being asked for")
    for qw(stall.crl trickle.crl hang.crl);
my $began = time;

$server->stop;
cmp_ok(time - $began, '<', Staple::Process::scale(2), 'httpd stops at once');
is_deeply([$server->bad_lines], [], 'nothing is wrong in the log');
