# Health: what is wrong and what to do, the same on the page, in JSON and in the
# metrics, whatever OCSPStapleLogExclude says; and one row for each state.
use strict;
use warnings;

use Apache::Test qw(-withtestmore);
use Staple::Test;
use Staple::Client;
use Staple::PKI;
use Staple::Process qw(free_port);
use Staple::Responder;
use Staple::Server;
use Staple::Status;

plan tests => 85;

my $pki = Staple::PKI->new(dir => new_dir('pki'));
my $responder = Staple::Responder->new(pki => $pki);
my $url = $responder->url;
my $useless = $responder->url('/useless');
my $dead = 'http://127.0.0.1:' . free_port() . '/';
my $below = $pki->cert('below', ca => 1, issuer => 'root', url => $url);
my %cert = (
    good => $pki->cert('good.example', url => $url, not_after => time + 864000),
    rsa => $pki->cert('rsa.example', url => $url, key => 'rsa:2048'),
    revoked => $pki->cert('revoked.example', url => $url),
    chained => $pki->cert('chained.example', url => $url, issuer => $below),
    unknown => $pki->cert('unknown.example', url => $url,
                          not_before => time - 86400),
    must => $pki->cert('must.example', url => $useless, must_staple => 1),
    ends => $pki->cert('ends.example', url => $url),
    alone => $pki->cert('alone.example', url => $url),
    nobody => $pki->cert('nobody.example'),
    map { $_ => $pki->cert("$_.example", url => $dead) } qw(d1 d2 d3 d4),
);
$cert{alone}{chain} = $cert{alone}{leaf}; # without the issuer

my %lines;
my $port = Staple::Server->another_port;

sub server {
    my ($lines, @names) = @_;

    return Staple::Server->new(
        modules => [qw(authz_host status)],
        lines => 'OCSPStapleChainFile ' . $pki->ca_file
                 . "\nOCSPStapleStore none\n$lines",
        vhosts => [status_vhost($port),
                   map { { name => "$_.example", certs => [$cert{$_}],
                           lines => "OCSPStaple On\n" . ($lines{$_} // '') } }
                       @names]);
}

sub page { return (status_get($port, '/' . ($_[0] // '')))[2] }

# The banner's lines: "class link text".
sub banner {
    my ($page) = @_;
    my ($list) = $page =~ m{<ul class="verdicts"[^>]*>(.*?)</ul>}s;

    return map { s/&amp;/&/gr }
           map { m{class="verdict (\w+)"><a href="([^"]*)">([^<]*)<} ? "$1 $2 $3"
               : m{class="verdict (\w+)">([^<]*)$} ? "$1 - $2" : "?$_" }
           ($list // '') =~ m{<li (.*?)</li>}gs;
}

# The row of a certificate.
sub row {
    my ($page, $name) = @_;
    my ($row) = $page =~ m{(<tr[^>]*><th[^>]*><span class="name">CN=\Q$name\E<.*?</tr>)}s;

    return $row // '';
}

# ---- all is well ----

$responder->set('*', 'good', next => 3600);
my $server = server('', qw(good rsa nobody));
$server->start;
ok(wait_status($port, sub { $_->{totals}{good} == 2 && $_->{refresher}{running} },
               20), 'well: each certificate gets its state');
my $page = page();
is_deeply([banner($page)], ['ok - all is well: 2 of 3 certificates are good'],
          'well: the banner');
like($page, qr/<title>OCSP stapling, /, 'well: the title');
my $json = status_json($port);
is_deeply($json->{$_}, { state => 'ok', problems => [],
                         summary => 'all is well: 2 of 3 certificates are good' },
          "well: JSON: $_") for qw(health significant_health);
my %shown = map { $_->{subject} =~ /CN=(\w+)/ ? ($1 => $_) : () }
                @{ $json->{certificates} };
is($shown{good}{key_type}, 'ECDSA', 'well: JSON: ECDSA');
is($shown{rsa}{key_type}, 'RSA', 'well: JSON: RSA');
is($shown{good}{staple}{signed_by}, 'delegate', 'well: JSON: who signed');
is($shown{good}{source}, 'ocsp', 'well: JSON: by what');
my $time = qr/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/;
like($shown{good}{not_after}, $time, 'well: JSON: its end');
is_deeply([@{ $shown{good} }{qw(health revoked_issuer)}], ['ok', undef],
          'well: JSON: health of a certificate');
my $metrics = status_metrics((status_get($port, '/?format=prometheus'))[2]);
is($metrics->{ocspstaple_health}, 0, 'well: metrics: health');
is($metrics->{'ocspstaple_problems{problem="revoked"}'}, 0,
   'well: metrics: no problem');
my $end = $metrics->{ocspstaple_certificate_first_not_after_timestamp_seconds};
ok(abs($end - time - 864000) < 600, 'well: metrics: the first to expire')
    or diag($end);
like(row($page, 'good.example'), qr{<b class="mark">ECDSA</b>},
     'well: its key, ECDSA');
like(row($page, 'rsa.example'), qr{<b class="mark">RSA</b>}, 'well: RSA');
like(row($page, 'good.example'), qr{certificate expires <time[^>]*>in 9 d 23 h<},
     'well: when it expires');
like(row($page, 'good.example'), qr{<meter }, 'well: a bar');
like(row($page, 'good.example'),
     qr{<dt>response signed by</dt><dd>a delegate of the issuer</dd>},
     'well: who signed');
like($page, qr{<a href="\?find=good\.example#certificates">good\.example</a>},
     'well: servers are linked');
ok(index($page, '<h2 id="responders">') > index($page, '<h2 id="certificates">'),
   'well: certificates come before responders');

# Host and time on top, and a page that loads itself again, if it is asked to.
my $host = (capture(['uname', '-n']))[0] =~ s/\s+\z//r;
like($page, qr{</h1>\n<p class="line"><b class="name">\Q$host\E</b>, \d{4}-\d\d-\d\dT},
     'on top: host and time');
unlike($page, qr/http-equiv="refresh"/, 'refresh: off by default');
$page = page('?refresh=30&find=good');
like($page, qr/<meta http-equiv="refresh" content="30">/, 'refresh: as asked');
like($page, qr/ href="\?sort=subject[^"]*find=good[^"]*refresh=30"/,
     'refresh: links keep it');
like($page, qr/<input type="hidden" name="refresh" value="30">/,
     'refresh: the form, too');
like($page, qr{loads again every 30 s, <a href="[^"]*find=good">stop</a>},
     'refresh: and how to stop');
for my $bad ('refresh=9', 'refresh=3601', 'refresh=soon', 'problem=all') {
    my ($code, undef, $text) = status_get($port, "/?$bad");

    is($code, 400, "$bad: 400");
    like($text, $bad =~ /refresh/ ? qr/^refresh must be a whole number of seconds from 10 to 3600$/
                : qr/^problem must be one of: revoked, .*not-stapled/,
         "$bad: says why");
}
$server->stop;

# ---- everything at once, all of it excluded from the log ----

# A response that nobody replaces: a quarter of its life is left after 21 s.
$responder->set('*', 'good', next => 28);
my $file = new_dir('file') . '/ends.der';
capture(['openssl', 'ocsp', '-issuer', $pki->issuer_file, '-cert',
         $cert{ends}{leaf}, '-url', $url, '-respout', $file, '-noverify',
         '-no_nonce']);
chmod 0644, $file;

$responder->set('*', 'good', next => 3600);
$responder->set('revoked.example', 'revoked', next => 3600,
                reason => 'keyCompromise');
$responder->set('below', 'revoked', next => 3600, reason => 'cACompromise');
$responder->set('unknown.example', 'unknown', next => 3600);
$responder->set('*', 'http=500', path => '/useless');
$lines{ends} = "OCSPStapleResponder none\nOCSPStapleResponseFile $file\n";
$server = server("OCSPStapleLogExclude all\nOCSPStapleRetryInterval 300\n",
                 sort keys %cert);
$server->start;
ok(wait_status($port, sub {
       my %has = map { $_->{problem} => $_ } @{ $_->{health}{problems} };

       return $_->{totals}{'issuer-revoked'} == 1
              && $_->{totals}{pending} == 0 && $has{ending}
              && 2 == grep { !$_->{healthy} } @{ $_->{responders} } }, 40),
   'ill: each certificate gets its state')
    or diag(status_get($port, '/?format=json'));
$json = status_json($port);
$page = page();
%shown = map { $_->{subject} =~ /CN=(\w+)/ ? ($1 => $_) : () }
             @{ $json->{certificates} };
is($json->{health}{state}, 'critical', 'ill: JSON: critical');
is($json->{health}{summary}, $json->{health}{problems}[0]{text},
   'ill: JSON: the worst in one sentence');
is_deeply([map { "$_->{problem} $_->{state} $_->{count}" }
               grep { $_->{problem} ne 'responder' }
               @{ $json->{health}{problems} }],
          ['revoked critical 2', 'issuer-revoked critical 1',
           'must-staple critical 1', 'unknown warning 1',
           'unavailable warning 5', 'ending warning 1',
           'not-stapled warning 1'], 'ill: JSON: the worst first');
is(scalar(grep { $_->{problem} eq 'responder' && $_->{state} eq 'warning' }
              @{ $json->{health}{problems} }), 2, 'ill: JSON: responders');
is($json->{significant_health}{state}, 'critical',
   'ill: JSON: with what is excluded, critical, too');
is_deeply([map { $_->{problem} }
               grep { $_->{problem} ne 'responder' }
               @{ $json->{significant_health}{problems} }],
          ['must-staple', 'unknown', 'unavailable'],
          'ill: JSON: but by less');
my %problems = (good => '', rsa => '', nobody => '', revoked => 'revoked',
                below => 'revoked', chained => 'issuer-revoked',
                unknown => 'unknown', must => 'must-staple unavailable',
                ends => 'ending', alone => 'not-stapled', d1 => 'unavailable');
for my $name (sort keys %problems) {
    is(join(' ', @{ $shown{$name}{problems} }), $problems{$name},
       "ill: JSON: problems of $name");
}
is_deeply([map { $shown{$_}{health} } qw(good revoked must d1 alone)],
          [qw(ok critical critical warning warning)], 'ill: JSON: how bad');
is_deeply([@{ $shown{chained}{revoked_issuer} }{qw(subject revocation_reason)}],
          ['CN=below', 'cACompromise'], 'ill: JSON: whose issuer is revoked');
my %row = map { $_->{url} => $_ } @{ $json->{responders} };
is_deeply([map { [@{ $row{$_} }{qw(state waiting)}] } $dead, $useless, $url],
          [[down => 4], [failing => 1], [answers => 0]],
          'ill: JSON: how responders are, and who waits');
like($row{$_}{failing_since}, $time, "ill: JSON: since when $_ is so")
    for $dead, $useless;
is($row{$url}{failing_since}, undef, 'ill: JSON: and who is not');

my @lines = banner($page);
my $to = '?sort=state&order=asc&problem=';
my @want = (
    qr/^alarm \Q${to}revoked\E#certificates 2 certificates are revoked: replace them \((?=.*CN=below)(?=.*revoked\.example)/,
    qr/^alarm \Q${to}issuer-revoked\E#certificates 1 certificate has a revoked issuer: get one from another issuer \(chained\.example\)$/,
    qr/^alarm \Q${to}must-staple\E#certificates 1 must-staple certificate has no staple: clients refuse it \(must\.example\)$/,
    qr/^warn #responders responder \Q$dead\E has not answered for \d+ s: 4 certificates wait for it$/,
    qr/^warn #responders responder \Q$useless\E has given no answer of use for \d+ s: 1 certificate waits for it$/,
    qr/^warn \Q${to}unknown\E#certificates 1 certificate is unknown to its responder: ask its CA why \(unknown\.example\)$/,
    qr/^warn \Q${to}unavailable\E#certificates 5 certificates have neither .* \((?:\w+\.example(?:, | and )){3}2 more\)$/,
    qr/^warn \Q${to}ending\E#certificates 1 certificate has a response or CRL that ends soon.* \(ends\.example\)$/,
    qr/^warn \Q${to}not-stapled\E#certificates 1 certificate cannot be stapled: issuer missing, append .* \(alone\.example\)$/,
);
is(scalar @lines, scalar @want, 'ill: the banner') or diag(join "\n", @lines);
like($lines[$_] // '', $want[$_], "ill: the banner, line " . ($_ + 1))
    for 0 .. $#want;
like($page, qr/<title>critical: OCSP stapling, /, 'ill: the title');
ok(index($page, '<h2 id="responders">') < index($page, '<h2 id="certificates">'),
   'ill: responders come before certificates');
like($page, qr{\Q$dead\E</span></th>.{0,60}<b class="state down">down</b><span class="sub">since <time[^<]*</time></span><span class="sub">4 waiting<}s,
     'ill: one that is down');
like($page, qr{\Q$useless\E</span></th>.{0,60}<b class="state down">no answer of use</b>}s,
     'ill: one whose requests all failed is not healthy');
for my $name (qw(revoked.example chained.example)) {
    unlike(row($page, $name), qr/<meter/, "ill: no bar for $name");
}
like(row($page, 'chained.example'),
     qr{issuer CN=below revoked <time[^>]*>[^<]*</time>: cACompromise},
     'ill: which issuer is revoked, when and why');
for my $row ([revoked => 2], ['must-staple' => 1], [unavailable => 5],
             [ending => 1], ['not-stapled' => 1]) {
    my ($problem, $count) = @$row;
    my $linked = page("?problem=$problem");

    is(scalar(my @rows = $linked =~ /<tr[^>]*><th scope="row"[^>]*><span class="name">CN=/g),
       $count, "ill: the line about $problem leads to its rows");
}
$metrics = status_metrics((status_get($port, '/?format=prometheus'))[2]);
is($metrics->{ocspstaple_health}, 2, 'ill: metrics: health');
is_deeply([map { $metrics->{"ocspstaple_problems{problem=\"$_\"}"} }
               qw(revoked must-staple responder unavailable not-stapled
                  refresher)],
          [2, 1, 2, 5, 1, 0], 'ill: metrics: problems');
is($metrics->{"ocspstaple_responder_healthy{responder=\"$useless\"}"}, 0,
   'ill: metrics: one whose requests all failed is not healthy');
is(join("\n", grep { !/OST00(?:11|73|71)/ } $server->bad_lines), '',
   'nothing bad in the log');
