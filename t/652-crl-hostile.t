# Servers of CRLs that send too much, too little, too slowly, or what is not
# wanted: none of it costs memory or the list that is held, or keeps others
# waiting, and a revocation is not taken back by an older list.
use strict;
use warnings;

use Apache::Test qw(-withtestmore);
use Staple::Test;
use Staple::CRL;
use Staple::Client;
use Staple::ListServer;
use Staple::PKI;
use Staple::Process qw(private_memory scale);
use Staple::Responder;
use Staple::Server;
use Staple::Status;

# What the server of each list does then, and the reason that is shown.
my %reason = (
    'endless' => 'too_large', 'endless-bare' => 'too_large',
    'trickle' => 'timeout', 'stall' => 'timeout', 'hang' => 'timeout',
    'close' => 'network', 'html' => 'http_type', 'empty' => 'empty',
    'status=500' => 'http_status',
    'issuer' => 'crl_wrong_issuer', 'forged' => 'crl_bad_signature',
    'point' => 'crl_wrong_point', 'scope' => 'crl_wrong_scope',
    'replay' => 'crl_older', 'replay-late' => 'crl_older',
);
my @all = sort keys %reason;
my @revoked = grep { /^replay/ } @all;
my @good = grep { !/^replay/ } @all;
# These last long enough to be held when a trickle is given up.
my %is_late = map { $_ => 1 } qw(trickle replay-late);
my ($soon, $late) = (14, 28);

plan tests => 7 * @all + 22;

my $pki = Staple::PKI->new(dir => new_dir('pki'));
my $responder = Staple::Responder->new(pki => $pki);
my $ca = Staple::CRL->new(pki => $pki, dir => new_dir('ca'));
my $other = Staple::CRL->new(pki => $pki, dir => new_dir('other'),
                             ca => 'other-ca');
my (%lists, %cert);

# Each has a server of its own, so that none is thought to be down for another.
for my $what (@all, 'still') {
    my $name = $what =~ s/=.*//r;

    $lists{$what} = Staple::ListServer->new(dir => new_dir('lists'));
    $cert{$what} = $pki->cert("$name.example",
                              crl => $lists{$what}->url('a.crl'));
}
$cert{ocsp} = $pki->cert('ocsp.example', url => $responder->url);
$responder->set('*', 'good', next => 10);

my $older = $ca->make;
my %wrong = (
    issuer => $other->make(number => 1000),
    forged => $ca->make(number => 1001),
    point => $ca->make(number => 1002, exts => <<"END"),
issuingDistributionPoint = critical, \@point
[point]
fullname = URI:http://127.0.0.1/another.crl
END
    scope => $ca->make(number => 1003, exts => <<"END"),
issuingDistributionPoint = critical, \@point
[point]
onlyCA = TRUE
END
    map { $_ => $older } @revoked,
);
substr($wrong{forged}, -1) ^= "\1";
$ca->revoke($cert{$_}, 'keyCompromise') for @revoked;

my $port = Staple::Server->another_port;
my $server = Staple::Server->new(
    modules => [qw(authz_host status)],
    lines => "OCSPStapleIssuerCheck Off\nOCSPStapleTimeout 1\n"
             . "OCSPStapleCRLMaxSize 65536\n",
    vhosts => [status_vhost($port),
               map { { name => $cert{$_}{name}, certs => [$cert{$_}],
                       lines => "OCSPStaple On\n"
                                . ($_ eq 'still' ? "OCSPStapleTimeout 120\n"
                                                 : '') } }
                   sort keys %cert]);

$lists{still}->put('a.crl', $older)->fault('a.crl', 'stall');
$lists{$_}->put('a.crl', $ca->make(
    seconds => $is_late{$_} ? $late : $soon, number => 2)) for @all;
$server->start;

# What is shown of each: the certificate and its list.
sub look {
    my $json = status_json($port);
    my %cert_of = map { $_->{subject} => $_ } @{ $json->{certificates} };
    my %list_of = map { $_->{url} => $_ } @{ $json->{crls} };

    return map { $_ => { cert => $cert_of{"CN=$cert{$_}{name}"},
                         list => $list_of{ $lists{$_}->url('a.crl') } } } @all;
}

sub states {
    my (%shown) = @_;

    return join ' ', map { "$_:$shown{$_}{cert}{state}" } @all;
}

sub expected {
    my ($state) = @_;

    return join ' ', map { "$_:" . (/^replay/ ? 'revoked' : $state) } @all;
}

# ---- all is well ----

wait_until(sub { states(look()) eq expected('good') }, 5);
is(states(look()), expected('good'), 'each list is taken');
is(wait_staple($server, 'ocsp.example')->{cert_status}, 'good',
   'the certificate with OCSP is stapled');
my $refresher = $server->refresher_pid;
my $before = private_memory($refresher);

# ---- all is not ----

for my $what (@all) {
    $lists{$what}->clear_log;
    if ($wrong{$what}) {
        $lists{$what}->put('a.crl', $wrong{$what});
    }
    else {
        $lists{$what}->fault('a.crl', $what);
    }
}
$responder->clear_log;

my (%first, %seen_at, $ran_out);
wait_until(sub {
    my %shown = look();

    for my $what (grep { !$first{$_} && $shown{$_}{list}{failed} } @all) {
        $first{$what} = $shown{$what};
        $seen_at{$what} = Time::HiRes::time();
    }
    # Those that ended first are over long before the others are.
    $ran_out //= { %shown }
        if !grep { !$is_late{$_} && $shown{$_}{cert}{state} eq 'good' } @all;
    return keys %first == @all && $ran_out;
}, $late, 0.1);
for my $what (@all) {
    my ($cert, $list) = @{ $first{$what} // {} }{qw(cert list)};

    is($list->{last_error}, $reason{$what}, "$what: why it was refused");
    is($cert->{error}, $reason{$what}, "$what: so says the certificate");
    is($cert->{state}, $what =~ /^replay/ ? 'revoked' : 'good',
       "$what: what is held counts on");
    ok($list->{use_until}, "$what: as it lasts");
    ok($lists{$what}->count('a.crl'), "$what: it was asked for");
    ok($server->log_lines(qr/OST0150:.*:\Q$lists{$what}{port}\E\/a\.crl/),
       "$what: the log says that it was not to be had");
}
my ($request) = $lists{trickle}->requests;
my $took = ($seen_at{trickle} // 0) - $request->{time};
ok($took > 9 && $took < scale(12), 'a trickle ends after ten times the limit')
    or diag($took);
($request) = $lists{stall}->requests;
$took = ($seen_at{stall} // 0) - $request->{time};
ok($took > 0.5 && $took < scale(3), 'silence ends it after the limit')
    or diag($took);
is($ran_out && $ran_out->{$_}{cert}{state},
   $_ =~ /^replay/ ? 'revoked' : $is_late{$_} ? 'good' : 'unavailable',
   "$_: when the list held has run out, or has not") for @all;

# ---- nobody else has noticed ----

is($server->refresher_pid, $refresher, 'the same process refreshes');
my $grown = private_memory($refresher) - $before;
SKIP: {
    skip 'a sanitizer keeps what was freed', 1 if $ENV{STAPLE_SANITIZED};
    cmp_ok($grown, '<', 4096, "memory has grown by $grown kB of $before");
}
cmp_ok($lists{$_}->count('a.crl'), '>', 1, "$_: it is asked for again")
    for qw(endless endless-bare);
cmp_ok($responder->count, '>', 1, 'meanwhile, OCSP responses came');
is(staple($server, 'ocsp.example')->{cert_status}, 'good',
   'and are stapled');
my @spools = grep { !m{/[0-9a-f]+\.crl(?:\.json)?$} }
             glob $server->root . '/store/*.crl*';
is_deeply(\@spools, [], 'nothing of what was refused is left behind');
is($lists{still}->count('a.crl'), 1, 'one has stalled all the while');

# ---- restarts ----

my $limit = scale(2);

$_->clear_log for values %lists;
cmp_ok($server->graceful(wait => 1), '<', $limit,
       'a graceful restart does not wait for it');
for my $what (@revoked) {
    ok($lists{$what}->wait_count('a.crl', 1, 10, status => 200),
       "$what: the older list comes after the restart, too");
    my $error = wait_until(sub { my %shown = look();
                                 $shown{$what}{list}{last_error} }, 10);
    is($error, 'crl_older', "$what: it is refused again");
    my %shown = look();
    is($shown{$what}{cert}{state}, 'revoked', "$what: and revoked it stays");
}
ok($lists{still}->wait_count('a.crl', 1, 10), 'the stalling one is asked for');
my $stopped = $server->stop;
ok(defined $stopped && $stopped < $limit, 'stop does not wait for it, either')
    or diag($stopped // 'it had to be killed');
is(join("\n", $server->bad_lines), '', 'nothing bad in the log');
