# The status: JSON with every member, metrics, the page, and mod_status.
use strict;
use warnings;

use Apache::Test qw(-withtestmore);
use Staple::Test;
use Staple::Client;
use Staple::PKI;
use Staple::Responder;
use Staple::Server;
use Staple::Status;

plan tests => 129;

my $EVIL = '<script>alert(1)</script>';
my $pki = Staple::PKI->new(dir => new_dir('pki'));
my $responder = Staple::Responder->new(pki => $pki);
my $url = $responder->url;
my %cert = (
    good => $pki->cert('good.example', url => $url),
    evil => $pki->cert('evil.example', url => $url, subject => $EVIL),
    revoked => $pki->cert('revoked.example', url => $url, must_staple => 1),
    failing => $pki->cert('failing.example', url => $url, must_staple => 1),
);

$responder->set('*', 'good', next => 3600);
$responder->set('revoked.example', 'revoked', next => 3600,
                reason => 'keyCompromise');
$responder->set('failing.example', 'http=500');
my $port = Staple::Server->another_port;
my $server = Staple::Server->new(
    modules => [qw(authz_host status)],
    lines => "OCSPStapleIssuerCheck Off\n",
    vhosts => [
        status_vhost($port),
        map { { name => "$_.example", certs => [$cert{$_}],
                lines => "OCSPStaple On\nOCSPStapleRevokedScore 1.5\n" } }
            sort keys %cert]);
$server->start;

ok(wait_status($port, sub { $_->{totals}{good} == 2
                            && $_->{totals}{revoked} == 1
                            && $_->{totals}{unavailable} == 1
                            && $_->{refresher}{running}
                            && @{ $_->{responders} } }),
   'each certificate gets its state');
staple($server, 'good.example') for 1 .. 3;
staple($server, 'failing.example');

# ---- JSON ----

my ($code, $headers, $body) = status_get($port, '/?format=json');
is($code, 200, 'JSON: 200');
is($headers->{'content-type'}, 'application/json', 'JSON: its type');
is($headers->{'cache-control'}, 'no-store', 'JSON: is not stored');
my $json = status_json($port);
my $time = qr/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/;

sub has_members {
    my ($object, $what, @names) = @_;

    is_deeply([grep { !exists $object->{$_} } @names], [],
              "JSON: $what has every member");
}

has_members($json, 'the document', qw(version generated_at refresher totals
    health significant_health responders servers certificates));
has_members($json->{refresher}, 'refresher',
            qw(pid running last_round next_due in_flight));
has_members($json->{totals}, 'totals', qw(good revoked unknown issuer-revoked
    unavailable pending disabled requests failures bytes));
has_members($json->{responders}[0], 'a responder',
            qw(url healthy state failures last_error latency_ms failing_since
               waiting));
has_members($json->{servers}[0], 'a server', qw(name score fault));
has_members($_, $_->{subject}, qw(subject serial sha256 sha1 issuer servers
    must_staple is_issuer state state_since state_reason stale score responders staple
    revocation_time revocation_reason
    next_refresh last_attempt last_success failures error error_detail served
    unserved chained significant conditions health problems not_after key_type
    revoked_issuer source)) for @{ $json->{certificates} };

is($json->{version}, 1, 'JSON: version');
like($json->{generated_at}, $time, 'JSON: generated_at');
like($json->{refresher}{last_round}, $time, 'JSON: last_round');
is($json->{refresher}{pid}, $server->refresher_pid, 'JSON: pid');
is($json->{responders}[0]{url}, $url, 'JSON: the responder');
cmp_ok($json->{totals}{requests}, '>=', 4, 'JSON: requests are counted');
cmp_ok($json->{totals}{failures}, '>=', 1, 'JSON: failures too');

my %by_serial = map { $_->{serial} => $_ } @{ $json->{certificates} };
my %shown = map { $_ => $by_serial{ uc $cert{$_}{serial} } } keys %cert;
my ($good, $evil, $revoked, $failing) = @shown{qw(good evil revoked failing)};

is($good->{state}, 'good', 'good: state');
like($good->{state_since}, $time, 'good: since');
is_deeply($good->{servers}, ['good.example'], 'good: servers');
is_deeply($good->{responders}, [$url], 'good: responders');
cmp_ok($good->{staple}{bytes}, '>', 100, 'good: bytes');
like($good->{staple}{$_}, $time, "good: $_")
    for qw(produced_at this_update next_update);
is($good->{served}, 3, 'good: served');
is($good->{error}, undef, 'good: no error');
is($good->{revocation_reason}, undef, 'good: no revocation');
is($good->{score}, 5, 'good: score');
ok(!$good->{significant}, 'good: nothing significant');
my ($sha1) = capture(['openssl', 'x509', '-in', $cert{good}{leaf}, '-noout',
                      '-fingerprint', '-sha1']) =~ /=(.*)/;
is($good->{sha1}, lc($sha1 =~ tr/://dr), 'good: sha1');

is($revoked->{state}, 'revoked', 'revoked: state');
is($revoked->{revocation_reason}, 'keyCompromise', 'revoked: why');
like($revoked->{revocation_time}, $time, 'revoked: when');
is($revoked->{score}, 1.5, 'revoked: score');
ok(!$revoked->{significant}, 'revoked: excluded from what is significant');
ok($revoked->{must_staple}, 'revoked: must_staple');

is($failing->{state}, 'unavailable', 'failing: state');
is($failing->{state_reason}, 'http_status', 'failing: and why it turned so');
is($failing->{staple}, undef, 'failing: no staple');
is($failing->{error}, 'http_status', 'failing: error');
like($failing->{error_detail}, qr/500/, 'failing: error_detail');
cmp_ok($failing->{failures}, '>=', 1, 'failing: failures');
is($failing->{unserved}, 1, 'failing: unserved');
is_deeply($failing->{conditions}, ['unavailable', 'must-staple'],
          'failing: must-staple is significant whatever is excluded');

like($evil->{subject}, qr/script/, 'evil: its subject');
my %server = map { $_->{name} => $_ } @{ $json->{servers} };
is_deeply([map { $server{"$_.example"}{fault} } qw(good revoked)],
          [undef, 'revoked'], 'servers: fault');
is_deeply([map { $server{"$_.example"}{score} } qw(good revoked)],
          [5, 1.5], 'servers: score');

# ---- metrics ----

($code, $headers, $body) = status_get($port, '/?format=prometheus');
is($code, 200, 'metrics: 200');
like($headers->{'content-type'}, qr{^text/plain; version=0\.0\.4},
     'metrics: their type');
my $metrics = eval { status_metrics($body) };
is($@, '', 'metrics: the format is kept');
is($metrics->{'ocspstaple_certificates{state="good"}'}, 2, 'metrics: good');
is($metrics->{'ocspstaple_significant{condition="must-staple"}'}, 1,
   'metrics: must-staple');
is($metrics->{'ocspstaple_failing{reason="http_status"}'}, 1,
   'metrics: reason');
is($metrics->{'ocspstaple_servers{fault="revoked"}'}, 1, 'metrics: fault');
is($metrics->{'ocspstaple_lowest_score'}, 1.5, 'metrics: score');
is($metrics->{'ocspstaple_handshakes_total{staple="sent"}'}, 3,
   'metrics: handshakes');
is($metrics->{'ocspstaple_refresher_running'}, 1, 'metrics: running');
is($metrics->{"ocspstaple_responder_healthy{responder=\"$url\"}"}, 1,
   'metrics: responder');
unlike($body, qr/serial|subject|example/, 'metrics: no label per certificate');
SKIP: {
    skip 'promtool is not installed', 1 if !have_tool('promtool');
    my $file = new_dir('metrics') . '/metrics';
    write_file($file, $body);
    my ($text, $status) = capture(['sh', '-c', 'promtool check metrics <"$1"',
                                   'sh', $file]);
    is("$status $text", '0 ', 'metrics: promtool is content');
}

# ---- the page ----

($code, $headers, my $page) = status_get($port, '/');
is($code, 200, 'page: 200');
like($headers->{'content-type'}, qr{^text/html; charset=utf-8}i,
     'page: its type');
is($headers->{'cache-control'}, 'no-store', 'page: is not stored');
like($headers->{'content-security-policy'},
     qr/^default-src 'none'; style-src 'sha256-[^']+'; form-action 'self'/,
     'page: may load nothing');
unlike($page, qr/<script/i, 'page: no script');
like($page, qr/\\&lt;script\\&gt;alert\(1\)\\&lt;\/script\\&gt;/,
     'page: what a certificate says is escaped');
unlike($page, qr/(?:src|href)="(?!\?|#)/, 'page: nothing from elsewhere');
unlike($page, qr/ style="| on[a-z]+="/, 'page: no inline style or handler');
like($page, qr/class="state $_">$_</, "page: $_ in words")
    for qw(good revoked unavailable);
like($page, qr/<meter [^>]*value="\d+"/, 'page: validity as a bar');
like($page, qr/HTTP status other than 200/, 'page: last error in words');
like($page, qr/revoked <time [^>]*>[^<]* ago<\/time>: keyCompromise/,
     'page: when and why it was revoked');
like($page, qr/>1 certificate is revoked: replace it \(revoked\.example\)</,
     'page: the verdict');

like($page, qr/<html lang="en">/, 'page: its language');
like($page, qr/<title>critical: OCSP stapling, [^<]+<\/title>/, 'page: its title');
unlike($page, qr/<th(?! scope="(?:col|row)")[ >]/,
       'page: each head of a table says of what');
is(scalar(my @sorted = $page =~ / aria-sort="/g), 1,
   'page: one column is the sorted one');
# Tables that are laid out as blocks on narrow screens keep their meaning.
my %role = (table => 'table', thead => 'rowgroup', tbody => 'rowgroup',
            tr => 'row', th => '(?:column|row)header', td => 'cell');
for my $element (sort keys %role) {
    unlike($page, qr/<$element(?![^>]* role="$role{$element}")[ >]/,
           "page: each $element has its role");
}
is(scalar(my @cells = $page =~ /role="cell"/g),
   6 * 4 + 3 * 4 + 4 * 1, 'page: cells of certificates, hosts, a responder');
unlike($page, qr/<input(?![^>]*(?:aria-label|type="hidden"))/,
       'page: each field has a name');
unlike($page, qr/<meter(?![^>]*aria-label)/, 'page: and each bar');
for my $element (qw(table details dl)) {
    is(scalar(my @begin = $page =~ /<$element[ >]/g),
       scalar(my @end = $page =~ /<\/$element>/g),
       "page: each $element has its end");
}
my ($style) = $page =~ m{<style>(.*)</style>}s;
require Digest::SHA;
like($headers->{'content-security-policy'},
     qr/\Q@{[Digest::SHA::sha256_base64($style)]}\E/,
     'page: the policy allows its own style');

sub order_of {
    my ($args) = @_;
    my (undef, undef, $text) = status_get($port, "/?$args");

    return join ' ', $text =~ /<tr role="row"><th scope="row" role="rowheader"><span class="name">CN=(\w+)\.example<.*?details/g;
}

is(order_of('sort=subject'), 'failing good revoked', 'page: by subject');
is(order_of('sort=subject&order=desc'), 'revoked good failing',
   'page: in reverse');
is(order_of('sort=state'), 'revoked failing good', 'page: by state');
is((split ' ', order_of('sort=score'))[0], 'revoked', 'page: by score');
is(order_of('state=good'), 'good', 'page: of one state');
is(order_of('find=REVOKED.ex'), 'revoked', 'page: found by name');
is(order_of('find=' . $cert{failing}{serial}), 'failing',
   'page: found by serial');
(undef, undef, $page) = status_get($port, '/?find=%22%3E%3Cscript%3E');
unlike($page, qr/<script/, 'page: what is looked for is escaped');
is(order_of('page=2'), '', 'page: a page that is not there');
(undef, $headers, $page) = status_get($port, '/', method => 'HEAD');
is($page, '', 'HEAD: no body');
like($headers->{'content-type'}, qr/html/, 'HEAD: headers');

for my $row (['format=xml', 'format must be one of: html, json, prometheus'],
             ['sort=colour', 'sort must be one of: subject, state'],
             ['order=up', 'order must be one of: asc, desc'],
             ['page=0', 'page must be a whole number'],
             ['page=99999999999999999999', 'page must be a whole number'],
             ['state=bad', 'state must be one of: pending'],
             ['find=%zz', 'not properly escaped'],
             ['find=' . 'a' x 1025, 'longer than 1024']) {
    my ($args, $sentence) = @$row;
    ($code, undef, $body) = status_get($port, "/?$args");
    is($code, 400, substr($args, 0, 20) . ': 400');
    like($body, qr/\Q$sentence/, substr($args, 0, 20) . ': says why');
}
($code, $headers) = status_get($port, '/', method => 'POST');
is($code, 405, 'POST: 405');
like($headers->{allow}, qr/GET/, 'POST: what is allowed');

# ---- mod_status ----

(undef, undef, $page) = status_get($port, '/server-status');
like($page, qr/<h2>OCSP stapling<\/h2>.*good: 2</s, 'mod_status: a section');
(undef, undef, $body) = status_get($port, '/server-status?auto');
like($body, qr/^OCSPStaplingGood: 2$/m, 'mod_status: ?auto');
like($body, qr/^OCSPStaplingIssuerRevoked: 0$/m, 'mod_status: ?auto, two words');
is(join("\n", $server->bad_lines), '', 'nothing bad in the log');
