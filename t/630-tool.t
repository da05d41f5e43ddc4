# The commands verify and fetch of ocspstaple: each exit status, what they print
# and write, each step of a fetch, and what they refuse.
use strict;
use warnings;

use Apache::Test qw(-withtestmore);
use JSON::PP ();
use Staple::Test;
use Staple::PKI;
use Staple::Process qw(free_port);
use Staple::Responder;

my $pki = Staple::PKI->new(dir => new_dir('pki'));
my $responder = Staple::Responder->new(pki => $pki);
my $cert = $pki->cert('a.example', url => $responder->url);
my $other = $pki->cert('b.example', url => $responder->url);
my $mute = $pki->cert('c.example');
my $alone = $pki->cert('d.example', self_signed => 1);
my $dir = new_dir('tool');
my @chain = ('--chain', $cert->{chain});
my @pair = ('--cert', $cert->{leaf}, '--issuer', $pki->issuer_file);

sub ocspstaple {
    my @arguments = @_;
    my ($text, $status) = capture([top_builddir() . '/ocspstaple', @arguments],
                                  timeout => 30);

    return ($status, $text);
}

# One call: its exit status and what it prints, last line or all.
sub says {
    my ($name, $status, $pattern, @arguments) = @_;
    my ($is, $text) = ocspstaple(@arguments);

    is($is, $status, "$name: exit status $status") or diag($text);
    like($text, $pattern, "$name: says so");
    return $text;
}

# The same with --json: the object, which is all there is.
sub object {
    my ($name, $status, @arguments) = @_;
    my ($is, $text) = ocspstaple(@arguments, '--json');
    my $object = eval { JSON::PP->new->decode($text) };

    is($is, $status, "$name: JSON: exit status $status");
    ok($object && $text !~ /\n./, "$name: one object on one line")
        or diag($text);
    return $object || {};
}

# A response of the responder as it is, in a file; what it says does not
# matter.
sub response {
    my ($name, @rule) = @_;

    $responder->set('*', @rule);
    return $responder->write_response($cert, "$dir/$name.der");
}

plan tests => 214;

# ---- verify ----

my $good = response('good', 'good', next => 3600);
my $revoked = response('revoked', 'revoked', reason => 'keyCompromise',
                       time => -86400);
my $unknown = response('unknown', 'unknown');
my $old = response('old', 'good', produced => -7200, this => -7200,
                   next => -3600);
my $endless = response('endless', 'good', this => -3 * 86400, next => 'none');
my $later = response('later', 'trylater');

says('good', 0, qr/\Agood\n\z/, 'verify', @chain, '--response', $good);
says('good, by pair', 0, qr/\Agood\n\z/, 'verify', @pair, '--response', $good);
says('good, with =', 0, qr/\Agood\n\z/, 'verify', "--chain=$cert->{chain}",
     "--response=$good");
says('revoked', 10, qr/\Arevoked \(keyCompromise, \d{4}-\S+Z\)\n\z/, 'verify',
     @chain, '--response', $revoked);
says('unknown', 11, qr/\Aunknown\n\z/, 'verify', @chain, '--response',
     $unknown);
says('old', 1, qr/\Arejected: expired: [^\n]+\n\z/, 'verify', @chain,
     '--response', $old);
says('then', 0, qr/\Agood\n\z/, 'verify', @chain, '--response', $old, '--at',
     time - 5400);
says('soon', 1, qr/rejected: expired/, 'verify', @chain, '--response', $good,
     '--at', time + 5400);
says('soon, by a slow clock', 0, qr/good/, 'verify', @chain, '--response',
     $good, '--at', time + 5400, '--skew', '1h');
says('too early', 1, qr/rejected: not_yet_valid/, 'verify', @chain,
     '--response', $good, '--at', time - 5400);
says('no end', 0, qr/good/, 'verify', @chain, '--response', $endless);
says('no end, after two days', 1, qr/rejected: expired/, 'verify', @chain,
     '--response', $endless, '--max-age', '2d');
says('of another', 1, qr/rejected: no_matching_response/, 'verify',
     '--chain', $other->{chain}, '--response', $good);
says('error status', 1, qr/rejected: try_later/, 'verify', @chain,
     '--response', $later);
says('no response', 1, qr/rejected: malformed/, 'verify', @chain,
     '--response', $cert->{leaf});
write_file("$dir/empty", '');
says('an empty file', 1, qr/rejected: (?:empty|malformed)/, 'verify', @chain,
     '--response', "$dir/empty");
write_file("$dir/large", 'x' x 100_000);
says('a large file', 1, qr/rejected: (?:too_large|malformed)/, 'verify',
     @chain, '--response', "$dir/large");
says('self-signed', 1, qr/rejected: certificate_self_signed/, 'verify',
     '--chain', $alone->{leaf}, '--response', $good);
says('issuer of another CA', 1, qr/rejected: wrong_issuer/, 'verify',
     '--cert', $cert->{leaf}, '--issuer', $pki->issuer_file('other-ca'),
     '--response', $good);

my $is = object('good', 0, 'verify', @chain, '--response', $good);
is($is->{status}, 'good', 'status');
is($is->{reason}, undef, 'no reason');
is(lc $is->{serial}, lc $cert->{serial}, 'serial');
like($is->{subject}, qr/a\.example/, 'subject');
like($is->{$_}, qr/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/, $_)
    for qw(judged_at produced_at this_update next_update use_until not_after);
$is = object('revoked', 10, 'verify', @chain, '--response', $revoked);
is($is->{revocation_reason}, 'keyCompromise', 'reason of revocation');
like($is->{revoked_at}, qr/^\d{4}-/, 'time of revocation');
$is = object('unknown', 11, 'verify', @chain, '--response', $unknown);
is($is->{status}, 'unknown', 'status');
$is = object('rejected', 1, 'verify', @chain, '--response', $old);
is("$is->{status} $is->{reason}", 'rejected expired', 'status and reason');
ok(length $is->{sentence}, 'a sentence');

# ---- fetch ----

$responder->set('*', 'good', next => 3600);
my $text = says('good', 0, qr/\ngood\n\z/, 'fetch', @chain);
my $url = $responder->url;
like($text, $_, 'it shows ' . $_) for
    qr/^certificate: .*a\.example, serial \Q$cert->{serial}\E, valid until /mi,
    qr/^issuer: /m, qr/^1\. POST \Q$url\E\n   request:  \d+ bytes$/m,
    qr/^   answer:   HTTP 200, \d+ bytes, \d+ ms/m, qr/^   verdict:  good$/m,
    qr/^response:    this update \S+Z, next update \S+Z$/m,
    qr/^stapled:     until \S+Z$/m, qr/^next fetch:  \S+Z, in \d+ s$/m;
unlike($text, qr/^2\. /m, 'one step is enough');

says('written', 0, qr/\ngood\n\z/, 'fetch', @pair, '--out', "$dir/out.der");
says('what was written', 0, qr/\Agood\n/, 'verify', @chain, '--response',
     "$dir/out.der");
my $written = read_file("$dir/out.der");

$responder->set('*', 'good', signer => 'leaf');
$text = says('refused', 1,
             qr/\nrejected: responder_not_authorised: [^\n]+\n\z/,
             'fetch', @chain, '--out', "$dir/out.der");
like($text, qr/^2\. GET \Q$url\E.*?^   verdict:  rejected: resp/ms,
     'the second step is shown');
is(read_file("$dir/out.der"), $written, 'the file stays as it was');
$responder->set('*', 'unknown');
says('unknown', 11, qr/\nunknown\n\z/, 'fetch', @chain, '--out',
     "$dir/out.der");
is(read_file("$dir/out.der"), $written, 'the file stays as it was');
$responder->set('*', 'revoked', reason => 'superseded', time => -3600);
says('revoked', 10, qr/\nrevoked \(superseded, \S+Z\)\n\z/, 'fetch', @chain,
     '--out', "$dir/out.der");
says('revoked is written', 10, qr/\Arevoked/, 'verify', @chain, '--response',
     "$dir/out.der");

# What the module would not staple is not good.
$written = read_file("$dir/out.der");
$responder->set('*', 'good', this => -3600, next => -30);
$text = says('good, ended a moment ago', 1, qr/\nrejected: expired: [^\n]+\n\z/,
             'fetch', @chain, '--out', "$dir/out.der");
unlike($text, qr/^stapled: /m, 'nothing would be stapled');
is(read_file("$dir/out.der"), $written, 'the file stays as it was');
$responder->set('*', 'revoked', this => -3600, next => -30);
$text = says('revoked, ended a moment ago', 10, qr/\nrevoked \([^\n]+\n\z/,
             'fetch', @chain);
like($text, qr/^   verdict:  rejected: expired/m, 'each step was rejected');
like($text, qr/^stapled:     no, it ran out at \S+Z$/m,
     'nothing would be stapled');
$responder->set('*', 'good', this => -3600, next => -30);
my $ended = object('good, ended a moment ago', 1, 'fetch', @chain);
is("$ended->{status} $ended->{reason}", 'rejected expired', 'status, reason');

$responder->set('*', 'hang');
my $began = time;
says('hangs', 1, qr/\nrejected: timeout: /, 'fetch', @chain, '--timeout', 1,
     '--method', 'post');
cmp_ok(time - $began, '<', Staple::Process::scale(10), 'for a second or so');
$responder->set('*', 'http=503', 'retry-after' => 120);
says('asked to wait', 1, qr/asks to wait for 120 s\n.*rejected: http_status/s,
     'fetch', @chain);
$responder->set('*', 'good', header => 'Cache-Control: max-age=600');
says('may be cached', 0, qr/fresh for \d+ s\n/, 'fetch', @chain);

$responder->set('*', 'good', nonce => 'other');
says('another nonce', 1, qr/rejected: nonce/, 'fetch', @chain, '--nonce');
says('no nonce was sent', 0, qr/\ngood\n/, 'fetch', @chain);

my $dead = 'http://127.0.0.1:' . free_port() . '/';
$responder->set('*', 'good');
$responder->clear_log;
$text = says('the second URL', 0, qr/\ngood\n\z/, 'fetch', '--chain',
             $mute->{chain}, '--url', $dead, '--url', $responder->url('/x/'),
             '--method', 'get-post');
like($text, qr/^1\. GET \Q$dead\E\w.*^2\. GET http\S+x/ms,
     'in this order, and the first by one method alone');
like($text, qr/^   answer:   none, \d+ ms\n   verdict:  rejected: connect: /m,
     'and says what the first did');
is($responder->count(path => qr{^/x/}, method => 'GET'), 1, 'it was asked');
says('no URL', 1, qr/rejected: certificate_without_url/, 'fetch', '--chain',
     $mute->{chain});
says('no proxy there', 1, qr/rejected: connect/, 'fetch', @chain, '--proxy',
     $dead);
says('through a proxy', 0, qr/\ngood\n/, 'fetch', '--chain', $mute->{chain},
     '--url', 'http://ocsp.invalid/y/', '--proxy', $responder->url);
{
    local @ENV{qw(http_proxy all_proxy)} = ($dead) x 2;
    says('the environment has a proxy', 0, qr/\ngood\n/, 'fetch', @chain);
}

$is = object('good', 0, 'fetch', @chain);
is(scalar @{ $is->{attempts} }, 1, 'one attempt');
is($is->{attempts}[0]{method}, 'POST', 'by POST');
is($is->{attempts}[0]{http_status}, 200, 'HTTP 200');
is($is->{attempts}[0]{reason}, undef, 'nothing was wrong');
like($is->{next_refresh}, qr/^\d{4}-/, 'when it would ask again');
$is = object('dead', 1, 'fetch', '--chain', $mute->{chain}, '--url', $dead);
is(scalar @{ $is->{attempts} }, 1, 'one attempt: no connection');
is($is->{attempts}[0]{method}, 'POST', 'by POST');
is($is->{attempts}[0]{reason}, 'connect', 'why');
is($is->{attempts}[0]{http_status}, undef, 'no HTTP status');

# ---- what is refused: 2, and standard error says what ----

my @respond = ('--response', $good);
my $missing = "$dir/missing.pem";
symlink "$dir/out.der", "$dir/link" or die $!;
write_file("$dir/broken.pem", "-----BEGIN CERTIFICATE-----\nAAAA\n"
                              . "-----END CERTIFICATE-----\n");
my @wrong = (
    [qr/Usage: ocspstaple COMMAND/],
    [qr/no command "stample"/, 'stample'],
    [qr/no option "--verify"/, '--verify'],
    [qr/no option "--foo"; ocspstaple verify --help/, 'verify', '--foo'],
    [qr/"good.der" is not an option/, 'verify', 'good.der'],
    [qr/--response is missing/, 'verify', @chain],
    [qr/no certificate: give --chain/, 'verify', @respond],
    [qr/--issuer is missing/, 'verify', '--cert', $cert->{leaf}, @respond],
    [qr/--cert is missing/, 'verify', '--issuer', $cert->{leaf}, @respond],
    [qr/--chain stands for/, 'verify', @chain, @pair, @respond],
    [qr/--chain needs a value: FULLCHAIN.pem/, 'verify', '--chain'],
    [qr/--chain needs a value/, 'verify', '--chain', '--json'],
    [qr/--chain needs a value/, 'verify', '--chain='],
    [qr/--chain is given twice/, 'verify', @chain, @chain],
    [qr/--json takes no value/, 'verify', '--json=1'],
    [qr/--at: "today" is not a whole number from 1 to/, 'verify', @chain,
     @respond, '--at', 'today'],
    [qr/--at: "-1" is not/, 'verify', @chain, @respond, '--at', '-1'],
    [qr/--at: "999999999999" is not/, 'verify', @chain, @respond, '--at',
     '999999999999'],
    [qr/--skew: "2h" is not a whole number of seconds from 0 to 3600/,
     'verify', @chain, @respond, '--skew', '2h'],
    [qr/--max-age: "59" is not/, 'verify', @chain, @respond, '--max-age', 59],
    [qr/\Q$missing\E cannot be read: No such file/, 'verify', '--chain',
     $missing, @respond],
    [qr/\Q$missing\E cannot be read/, 'verify', @chain, '--response',
     $missing],
    [qr/\Q$dir\E cannot be read: Is a directory/, 'verify', @chain,
     '--response', $dir],
    [qr/holds no certificate in PEM/, 'verify', '--chain', "$dir/empty",
     @respond],
    [qr/certificate 1 in \S+ cannot be read: /, 'verify', '--chain',
     "$dir/broken.pem", @respond],
    [qr/holds one certificate only: its issuer's must follow/, 'verify',
     '--chain', $cert->{leaf}, @respond],
    [qr/--url: "ftp:\/\/a\/" is not allowed: .*http/, 'fetch', @chain,
     '--url', 'ftp://a/'],
    [qr/--url: .* user name or password/, 'fetch', @chain, '--url',
     'http://u:p@a/'],
    [qr/--url is given more than 16 times/, 'fetch', @chain,
     ('--url', $dead) x 17],
    [qr/--method: "put" is not one of post-get, get-post, post, get/, 'fetch',
     @chain, '--method', 'put'],
    [qr/--timeout: "0" is not/, 'fetch', @chain, '--timeout', 0],
    [qr/--proxy: "socks5:\S+ is not/, 'fetch', @chain, '--proxy',
     'socks5://a:1/'],
    [qr/\Q$dir\E\/none\/x cannot be written: No such file/, 'fetch', @chain,
     '--out', "$dir/none/x"],
    [qr/is not written: it is not a regular file/, 'fetch', @chain, '--out',
     "$dir/link"],
);
for my $row (@wrong) {
    my ($pattern, @arguments) = @$row;
    my $words = join ' ', map { s{.*/}{}r } @arguments;

    says(length $words > 60 ? substr($words, 0, 60) . '...' : $words, 2,
         $pattern, @arguments);
}

# Standard error has the complaint, standard output nothing of it.
my $silent = capture(['sh', '-c', 'exec "$@" 2>/dev/null', 'sh',
                      top_builddir() . '/ocspstaple', 'verify', @chain]);
is($silent, '', 'complaints go to standard error');
my ($full, $status) = capture(['sh', '-c', 'exec "$@" >/dev/full', 'sh',
                               top_builddir() . '/ocspstaple', 'verify',
                               @chain, @respond]);
is($status, 2, 'what cannot be printed is an error');
like($full, qr/standard output cannot be written/, 'and said to be one');

says('help', 0, qr/verify .*\n.*fetch /, '--help');
says("help of $_", 0, qr/^Usage: ocspstaple $_ OPTION.*--chain.*--json/s, $_,
     '--help') for qw(verify fetch);
says('version', 0, qr/^ocspstaple \d.*\nOpenSSL .*\nAPR /, '--version');
