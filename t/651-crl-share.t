# One list for many certificates: asked for once, conditionally, and not again
# after a restart; what is stored of it, also damaged; and without a store.
use strict;
use warnings;

use Apache::Test qw(-withtestmore);
use Staple::Test;
use Staple::CRL;
use Staple::ListServer;
use Staple::PKI;
use Staple::Server;
use Staple::Status;

plan tests => 58;

my $pki = Staple::PKI->new(dir => new_dir('pki'));
my $lists = Staple::ListServer->new(dir => new_dir('lists'));
my @certs = $pki->certs(50, prefix => 'v', same_key => 1,
                        crl => $lists->url('share.crl'));
# Its list is never there, so it is asked for at each start, after the others.
my $last = $pki->cert('last.example', crl => $lists->url('none.crl'));
# These lists are judged for two issuers each, as whose they are is not said.
my $named = $pki->cert('named.example');
my $ca = Staple::CRL->new(pki => $pki, dir => new_dir('ca'));
my $root = Staple::CRL->new(pki => $pki, dir => new_dir('root'), ca => 'root');
my $other = Staple::CRL->new(pki => $pki, dir => new_dir('other'),
                             ca => 'other-ca');
my $port = Staple::Server->another_port;
my $server = Staple::Server->new(
    modules => [qw(authz_host status)],
    lines => "OCSPStapleChainFile " . $pki->ca_file . "\n",
    vhosts => [status_vhost($port), Staple::Server->stapled(@certs),
               { name => 'named.example', certs => [$named],
                 lines => "OCSPStaple On\nOCSPStapleCRLURL "
                          . join(' ', map { $lists->url($_) } 'ca.crl',
                                 'root.crl') . "\n" },
               Staple::Server->stapled($last)],
);

# How many certificates are in each state: those of v-..., and named.example.
sub states {
    my ($json) = @_;
    my %count;

    $count{ $_->{state} }++ for grep { $_->{subject} =~ /CN=(?:v-|named)/ }
                                @{ $json->{certificates} };
    return join ' ', map { "$count{$_} $_" } sort keys %count;
}

sub wait_states {
    my ($states, $seconds) = @_;
    my $json = wait_status($port, sub { states($_) eq $states }, $seconds);

    return states($json // status_json($port));
}

# All lists that are to be asked for have been.
sub wait_last {
    return $lists->wait_count('none.crl', 1, 10);
}

$ca->revoke($certs[7], 'superseded');
$lists->put('share.crl', $ca->make(seconds => 10));
$lists->put('ca.crl', $ca->make);
$lists->put('root.crl', $root->make);
$server->start;

my $as_usual = '50 good 1 revoked';

# ---- one request for all of them ----

is(wait_states($as_usual), $as_usual, 'one is revoked, and the others are good');
is($lists->count('share.crl'), 1, 'one request for 50 certificates');
is($lists->count('share.crl', with => 'match'), 0, 'without a condition');
ok($lists->wait_count('share.crl', 1, 10, status => 304),
   'then it is asked for conditionally');
is($lists->count('share.crl', with => 'match'),
   $lists->count('share.crl') - 1, 'by its ETag');
is($lists->count('share.crl', with => 'since'),
   $lists->count('share.crl') - 1, 'and its time');
$lists->put('share.crl', $ca->make);
ok($lists->wait_count('share.crl', 2, 15, status => 200), 'a new one is taken');
ok($server->wait_log(qr{share\.crl, of 50 certificates: number 0?3,}, 5),
   'for all of them');
is($lists->count($_), 1, "$_ was asked for once") for qw(ca.crl root.crl);

# ---- restarts ----

my $glob = $server->root . '/store/*.crl';

is(wait_until(sub { my @all = glob $glob; @all == 3 }, 10), 1,
   'three lists are in the store');
for my $how (qw(graceful restart)) {
    $lists->clear_log;
    $server->$how;
    ok(wait_last(), "$how: lists are asked for");
    is(wait_states($as_usual), $as_usual, "$how: all is as it was");
    is($lists->count($_), 0, "$how: not $_, which is not due")
        for qw(share.crl ca.crl root.crl);
}

# ---- the server is dead ----

$server->stop;
$lists->stop;
$server->mark->start;
ok($server->wait_log(qr/OST0150: CRL \S+none\.crl/, 10, since => 1),
   'dead: nothing can be fetched');
is(wait_states($as_usual), $as_usual, 'dead: all is as it was');

# ---- what is stored is damaged ----

# The file of the list of all these certificates.
my ($stored) = grep { read_file("$_.json") =~ /share\.crl/ } glob $glob;
my $whole = read_file($stored);
my $flipped = $whole;
substr($flipped, 100, 1) ^= "\1";
my %damage = (
    flipped => $flipped, truncated => substr($whole, 0, -10),
    empty => '', foreign => $other->make, html => "<html></html>\n",
    large => $whole . "\0" x 1_000_000,
);
my ($uid, $gid) = (stat $stored)[4, 5];

$lists->start;
for my $name (sort keys %damage) {
    $server->stop;
    unlink "$stored.bad";
    write_file($stored, $damage{$name});
    chown $uid, $gid, $stored;
    $lists->clear_log;
    $server->mark->start;
    ok($lists->wait_count('share.crl', 1, 10, status => 200),
       "$name: it is fetched anew");
    is($server->log_lines(qr/:warn\].*OST0148:.*share\.crl/, since => 1), 1,
       "$name: a line says so");
    ok(-e "$stored.bad" && read_file("$stored.bad") eq $damage{$name},
       "$name: it is set aside");
    is(wait_states($as_usual), $as_usual, "$name: all is as it was");
    ok(wait_until(sub { (read_file($stored) // '') eq $whole }, 10),
       "$name: and the right one is stored");
}

# ---- no store ----

my $temp = new_dir('temp');

chmod 01777, $temp;
$server->stop;
$server->reconfigure(lines => "OCSPStapleStore none\n"
                              . "OCSPStapleChainFile " . $pki->ca_file . "\n");
$lists->clear_log;
$server->start(env => { TMPDIR => $temp });
is(wait_states($as_usual), $as_usual, 'no store: as usual');
$server->graceful(wait => 1);
ok($lists->wait_count('share.crl', 2, 10), 'no store: asked for once more');
is(wait_states($as_usual), $as_usual, 'no store: as usual after that');
$server->stop;
is_deeply([glob "$temp/*"], [], 'no store: no file is left behind');
is(join("\n", $server->bad_lines), '', 'nothing bad in the log');
