# What CRLs say, wherever it is shown: JSON, metrics, the page, the event log, the
# event command, variables of requests, and the error log.
use strict;
use warnings;

use Apache::Test qw(-withtestmore);
use POSIX ();
use Staple::Test;
use Staple::Client;
use Staple::Events;
use Staple::PKI;
use Staple::Process qw(write_file);
use Staple::Responder;
use Staple::Server;
use Staple::Status;

plan tests => 96, need { 'no curl' => have_tool('curl') };

my $pki = Staple::PKI->new(dir => new_dir('pki'));
my $responder = Staple::Responder->new(pki => $pki);
my $events = Staple::Events->new;
my $dead = 'http://127.0.0.1:9/dead.crl?a=1&b=2';
my %cert = (
    good => $pki->cert('good.example'),
    revoked => $pki->cert('revoked.example'),
    must => $pki->cert('must.example', must_staple => 1),
    ocsp => $pki->cert('ocsp.example', url => $responder->url),
    both => $pki->cert('both.example', url => $responder->url),
    dead => $pki->cert('dead.example', crl => $dead),
);
my $dir = new_dir('crl');
# Whoever names files may not write the page.
my $path = "$dir/ca<b>&'.crl";
my $number = 0;

# Puts a list by openssl ca there that ends in so many seconds.
sub put_list {
    my ($seconds) = @_;
    my $now = time;
    my $utc = sub { POSIX::strftime('%y%m%d%H%M%SZ', gmtime $_[0]) };

    write_file("$dir/index.txt", join '', map {
        join("\t", 'R', $utc->($now + 86400), $utc->($now - 3600)
                        . ',keyCompromise', uc $_->{serial}, 'unknown',
             '/CN=x') . "\n"
    } @cert{qw(revoked both)});
    write_file("$dir/number", sprintf("%02X\n", 0x10 + ++$number));
    write_file("$dir/ca.cnf", <<"CNF");
[ca]
default_ca = this
[this]
database = $dir/index.txt
crlnumber = $dir/number
default_md = sha256
crl_extensions = exts
[exts]
authorityKeyIdentifier = keyid
CNF
    my ($text, $status) = capture(
        ['openssl', 'ca', '-gencrl', '-config', "$dir/ca.cnf", '-cert',
         $pki->file('ca'), '-keyfile', $pki->file('ca', '.key'), '-crlsec',
         $seconds, '-out', "$dir/new"]);
    die $text if $status;
    chmod 0644, "$dir/new" or die $!;
    rename "$dir/new", $path or die $!;
    return;
}

$responder->set('*', 'good', next => 3600);
put_list(3600);

my $command = $events->program('command', <<'END_OF_PROGRAM');
echo "$OCSP_STAPLE_EVENT $OCSP_STAPLE_SUBJECT $OCSP_STAPLE_SOURCE" >> "$dir/runs"
END_OF_PROGRAM
my $only_file = "OCSPStapleResponder none\nOCSPStapleCRLFile \"$path\"\n";
my %lines = (ocsp => '', dead => '',
             both => "OCSPStapleCRL always\nOCSPStapleCRLFile \"$path\"\n",
             map { $_ => $only_file } qw(good revoked must));
my $port = Staple::Server->another_port;
my $server = Staple::Server->new(
    modules => [qw(authz_host status)],
    lines => $events->lines . $events->access_lines(qw(STATUS SOURCE SENT))
             . "OCSPStapleIssuerCheck Off\nOCSPStapleStore none\n"
             . "OCSPStapleLogExclude none\nOCSPStapleEventCommand $command\n",
    vhosts => [status_vhost($port),
               map { { name => "$_.example", certs => [$cert{$_}],
                       lines => "OCSPStaple On\n$lines{$_}" } }
                   sort keys %cert]);
$server->start;

ok(wait_status($port, sub { $_->{totals}{good} == 3
                            && $_->{totals}{revoked} == 2
                            && $_->{totals}{unavailable} == 1
                            && !grep { $_->{requests} + $_->{bytes} == 0 }
                                     @{ $_->{crls} } }, 20),
   'each certificate gets its state')
    or diag(status_get($port, '/?format=json'));

# ---- JSON ----

my $time = qr/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/;
my %shown;

sub look {
    my $json = status_json($port);

    %shown = map { $_->{subject} =~ /CN=(\w+)/ ? ($1 => $_) : () }
                 @{ $json->{certificates} };
    return $json;
}

my $json = look();
is($json->{version}, 1, 'JSON: its version');
my %source = (good => 'crl', revoked => 'crl', must => 'crl', ocsp => 'ocsp',
              both => 'crl', dead => undef);
for my $name (sort keys %source) {
    is($shown{$name}{source}, $source{$name}, "$name: source");
}
for my $name (qw(revoked both)) {
    my $it = $shown{$name};

    is($it->{state}, 'revoked', "$name: state");
    is($it->{revocation_reason}, 'keyCompromise', "$name: why");
    like($it->{revocation_time}, $time, "$name: when");
    is($it->{crl}{status}, 'revoked', "$name: what CRLs say");
    is($it->{crl}{$_}, $it->{$_}, "$name: and $_")
        for qw(revocation_time revocation_reason);
}
ok($shown{both}{staple}, 'both: what is held is shown beside it');
is($shown{good}{staple}, undef, 'good: no staple');
is($shown{good}{crl}{status}, 'good', 'good: what its CRL says');
like($shown{good}{crl}{$_}, $time, "good: $_")
    for qw(this_update next_update use_until);
is($shown{good}{crl}{$_}, undef, "good: no $_")
    for qw(revocation_time revocation_reason);
is($shown{$_}{crl}, undef, "$_: CRLs say nothing") for qw(ocsp dead);
ok(!$shown{good}{stale} && !$shown{good}{significant}, 'good: all is well');
is_deeply($shown{must}{conditions}, ['must-staple'],
          'must: its clients insist on a staple all the same');

my %list = map { $_->{url} => $_ } @{ $json->{crls} };
is_deeply([sort keys %list], [sort $path, $dead], 'JSON: each CRL');
my $file = $list{$path};
is_deeply([map { $file->{$_} } qw(certificates requests failed not_modified
                                  failures entries delta last_error number)],
          [4, 0, 0, 0, 0, 2, undef, undef, '11'], 'JSON: a CRL');
ok($file->{wanted}, 'JSON: which is wanted');
cmp_ok($file->{bytes}, '<', -s $path, 'JSON: its bytes, as DER');
like($file->{$_}, $time, "JSON: its $_")
    for qw(this_update next_update use_until fetched_at);
is($file->{next_refresh}, undef, 'JSON: nobody is asked for it');
$file = $list{$dead};
is_deeply([@$file{qw(bytes last_error certificates number fetched_at)}],
          [0, 'connect', 1, undef, undef], 'JSON: one that is not to be had');
cmp_ok($file->{$_}, '>=', 1, "JSON: its $_") for qw(requests failed failures);
like($file->{next_refresh}, $time, 'JSON: and when it is asked for next');

# ---- metrics ----

my (undef, undef, $body) = status_get($port, '/?format=prometheus');
my $metrics = eval { status_metrics($body) };
is($@, '', 'metrics: the format is kept');
is($metrics->{"ocspstaple_certificate_sources{source=\"$_->[0]\"}"}, $_->[1],
   "metrics: by $_->[0]") for [ocsp => 1], [crl => 4], [none => 1];
is($metrics->{'ocspstaple_certificates{state="good"}'}, 3,
   'metrics: states as they were');
my @of = ("{url=\"$path\"}", "{url=\"$dead\"}");
is($metrics->{"ocspstaple_crl_bytes$of[0]"}, $list{$path}{bytes},
   'metrics: bytes');
is($metrics->{"ocspstaple_crl_entries$of[0]"}, 2, 'metrics: entries');
cmp_ok($metrics->{"ocspstaple_crl_${_}_timestamp_seconds$of[0]"}, '>',
       time - 600, "metrics: $_") for qw(end next_update fetched);
is($metrics->{"ocspstaple_crl_end_timestamp_seconds$of[1]"}, 0,
   'metrics: none may be used');
is($metrics->{"ocspstaple_crl_wanted$of[1]"}, 1, 'metrics: but is wanted');
cmp_ok($metrics->{"ocspstaple_crl_${_}_total$of[1]"}, '>=', 1, "metrics: $_")
    for qw(requests failures);
is($metrics->{"ocspstaple_crl_not_modified_total$of[1]"}, 0,
   'metrics: not modified');

# ---- the page ----

my (undef, undef, $page) = status_get($port, '/');
like($page, qr{<h2>CRLs</h2>.*<span\ class="name">\Q$dir\E/ca&lt;b&gt;&amp;}sx,
     'page: a table of CRLs, escaped');
like($page, qr/dead\.crl\?a=1&amp;b=2/, 'page: the URLs of others, too');
unlike($page, qr/<b>&/, 'page: nothing gets in');
like($page, qr/>CRL<span class="sub">ends <time/, 'page: until when a CRL is');
like($page, qr/revoked <time [^>]*>[^<]* ago<\/time>: keyCompromise/,
     'page: when and why it was revoked');
like($page, qr{<dt>status\ from</dt><dd>$_</dd>}x, "page: by $_")
    for qw(CRL OCSP);

# ---- events, variables ----

my ($event) = $events->matching(event => 'revoked', name => 'revoked.example');
is_deeply([@$event{qw(source revocation_reason revocation_time state)}],
          ['crl', 'keyCompromise',
           @{ $shown{revoked} }{qw(revocation_time state)}],
          'event: why, when, and by what');
like($event->{crl_ends}, $time, 'event: when it ends');
my $run = "revoked CN=revoked.example crl\n";
ok(wait_until(sub { (read_file($events->dir . '/runs') // '') =~ /^\Q$run/m },
              10), 'the command is told, too');
for my $row (['good', 'good crl no'], ['ocsp', 'good ocsp no'],
             ['both', 'revoked crl no'], ['dead', 'unavailable - no']) {
    is($events->access($server, "$row->[0].example"), $row->[1],
       "$row->[0]: variables");
}
is(scalar $server->log_lines(qr/:error\].*OST0071:.*CN=$_\.example.*
                                \(keyCompromise,\ by\ its\ CRL\)/x), 1,
   "$_: the log says who says so") for qw(revoked both);
ok($server->log_lines(qr/:warn\].*OST0077:.*CN=dead\.example.*\ gets\ no\ fresh
                         \ CRL;\ none\ is\ held/x), 'dead: gets no fresh CRL');
ok($server->log_lines(qr/:warn\].*OST0074:.*CN=dead\.example.*\ has\ no\ valid
                         \ CRL,\ and\ none\ could\ be\ fetched\ \(no
                         \ connection\ to\ the\ server/x),
   'dead: has no valid CRL');
unlike(join("\n", grep { !/OST0010|OST0146/ } # at the start
                    $server->log_lines(qr/CN=(?:good|dead)\.example/)),
       qr/OCSP response|responder|stapled(?! by)/,
       'nothing speaks of OCSP where there is none')
    or diag('');
like(($server->log_lines(qr/OST0044/))[0] // '',
     qr/3 of 6 certificates are good/, 'the sum of the start');

# ---- the file goes, comes, and runs out ----

rename $path, "$path.away" or die $!;
ok($server->wait_log(qr/OST0149: OCSPStapleCRLFile \Q$path\E is not used/, 10),
   'the file is gone');
ok($server->wait_log(qr/OST0077:.*CN=good\.example.*no\ fresh\ CRL;\ the\ one
                        \ held\ is\ used\ until\ it\ runs\ out\ \(the\ file/x,
                     10), 'which is not the end of it');
look();
is($shown{good}{state}, 'good', 'and changes nothing');
is($shown{good}{error}, 'file_unreadable', 'but is an error');
put_list(8);
ok($server->wait_log(qr/OST0078:.*CN=good\.example.* gets fresh CRLs again/,
                     10), 'another one is there');
ok($server->wait_log(qr/:warn\].*OST0076:.*CN=good\.example.*\ has\ a\ CRL\ that
                        \ ends\ soon/x, 10), 'which ends soon');
ok($server->wait_log(qr/:warn\].*OST0075:.*CN=good\.example.*\ its\ CRL\ has\ run
                        \ out/x, 10), 'and runs out');
ok($server->wait_log(qr/:warn\].*OST0074:.*CN=good\.example.*\ has\ no\ valid
                        \ CRL/x, 10), 'so that nothing is known');
look();
ok($shown{good}{stale}, 'it is stale');
is($shown{good}{state}, 'unavailable', 'and unavailable');
is($shown{revoked}{state}, 'revoked', 'a revocation does not run out');
is($shown{revoked}{revocation_reason}, 'keyCompromise', 'nor its reason');
put_list(3600);
ok($server->wait_log(qr/OST0070:.*CN=good\.example.* is good/, 10),
   'a fresh list makes it good');
($event) = $events->matching(event => 'good', name => 'good.example');
is($event->{source}, 'crl', 'event: by what');
is(join("\n", $server->bad_lines), '', 'nothing bad in the log');
