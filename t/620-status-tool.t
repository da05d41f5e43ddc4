# The command status of ocspstaple: a table, a sentence, an exit status.
use strict;
use warnings;

use Apache::Test qw(-withtestmore);
use JSON::PP ();
use POSIX qw(strftime);
use Staple::Test;
use Staple::PKI;
use Staple::Responder;
use Staple::Server;
use Staple::Status;

my $tool = top_builddir() . '/ocspstaple';
my $dir = new_dir('status');

# Exit status and output of a check.
sub check {
    my @arguments = @_;
    my ($text, $status) = capture([$tool, 'status', @arguments]);

    return ($status > 255 ? $status >> 8 : $status, $text);
}

# A document in a file, in which %change replaces members.
sub document {
    my (%change) = @_;
    my $file = "$dir/status.json";

    write_file($file, JSON::PP->new->canonical->encode({
        version => 1, servers => [], responders => [],
        generated_at => strftime('%Y-%m-%dT%H:%M:%SZ', gmtime),
        refresher => { pid => 1, running => JSON::PP::true },
        certificates => [certificate()], %change }));
    return $file;
}

sub certificate {
    return { subject => 'CN=a.example', serial => '01', state => 'good',
             score => 5, staple => undef, conditions => [], @_ };
}

my $no = JSON::PP::false;
my $yes = JSON::PP::true;
my @rows = (
    [0, qr/nothing significant/],
    [1, qr/1 of 1 .*CN=a.example.*unavailable/, certificates =>
        [certificate(state => 'unavailable', conditions => ['unavailable'])]],
    [2, qr/2 of 2 .*serial 02\) is revoked/, certificates =>
        [certificate(state => 'good', conditions => ['stale']),
         certificate(serial => '02', state => 'revoked',
                     conditions => ['revoked'])]],
    [2, qr/issuer-revoked/, certificates =>
        [certificate(state => 'issuer-revoked',
                     conditions => ['issuer-revoked'])]],
    [2, qr/without staple/, certificates =>
        [certificate(state => 'unavailable',
                     conditions => ['unavailable', 'must-staple'])]],
    [0, qr/nothing significant/, certificates =>
        [certificate(state => 'revoked')]],
    [2, qr/does not run/, refresher => { pid => 1, running => $no }],
    [1, qr/not started yet/, refresher => { pid => undef, running => $no }],
    [1, qr/http:\/\/r\/ is down/, responders =>
        [{ url => 'http://r/', healthy => $no }]],
    [1, qr/http:\/\/r\/ gave no answer of use/, responders =>
        [{ url => 'http://r/', healthy => $no, state => 'failing' }]],
    [0, qr/nothing significant/, responders =>
        [{ url => 'http://r/', healthy => $yes, state => 'failing' }]],
    [1, qr/no certificate/, certificates => []],
    [1, qr/no certificate can be stapled/, certificates =>
        [certificate(state => 'disabled')]],
    [0, qr/1 of 2 certificates are good, nothing/, certificates =>
        [certificate(), certificate(state => 'disabled')]],
    [0, qr/0 of 1 certificates are good, nothing/, certificates =>
        [certificate(state => 'pending')]],
    [2, qr/CN=a\.example .*is disabled, without staple/, certificates =>
        [certificate(state => 'disabled', conditions => ['must-staple'])]],
    [3, qr/has no version 1/, version => 2],
    [3, qr/has no certificates/, certificates => 'many'],
    [3, qr/has no certificates\[\]/, certificates => [{}]],
    [3, qr/is of 2020-01-01/, generated_at => '2020-01-01T00:00:00Z'],
    [3, qr/is no time/, generated_at => 'today'],
);

plan tests => 2 * @rows + 36;

for my $row (@rows) {
    my ($want, $why, %change) = @$row;
    my ($status, $text) = check(document(%change));

    is($status, $want, "exit status $want: $why");
    like((split /\n/, $text)[0], $why, '... and says why');
}

my (undef, $text) = check(document(certificates =>
    [certificate(subject => "CN=\e[31m\x{7}a\n")]));
unlike($text, qr/[^\n -~]/, 'nothing unprintable gets through');
write_file("$dir/junk", '{"version":');
is((check("$dir/junk"))[0], 3, 'no JSON: cannot tell');
is((check("$dir/none"))[0], 3, 'no file: cannot tell');
is((check())[0], 3, 'no argument: cannot tell');
is((check(document(), '--loud'))[0], 3, 'no such option: cannot tell');
is((check(document(), document()))[0], 3, 'two files: cannot tell');
is((check('--max-age', '60'))[0], 3, 'options alone: cannot tell');
is((check('--help'))[0], 0, '--help: an answer');
is((check(document(generated_at => '2020-01-01T00:00:00Z'),
          '--max-age', '31536000'))[0], 3, '--max-age has its limit');
is(split(/\n/, (check(document(), '--quiet'))[1]), 1, '--quiet: one line');

# ---- order, ends, servers, data ----

my @mixed = (
    certificate(subject => 'CN=good', servers => ['a.example'],
                staple => { use_until => '2031-01-02T00:00:00Z' }),
    certificate(subject => 'CN=sooner', servers => [map {"s$_.example"} 1 .. 5],
                staple => { use_until => '2031-01-01T00:00:00Z' }),
    certificate(subject => 'CN=off', state => 'disabled'),
    certificate(subject => 'CN=ran|out', state => 'unavailable', score => 1,
                stale => JSON::PP::true, error => 'timeout',
                staple => { use_until => '2020-01-01T00:00:00Z' }),
    certificate(subject => 'CN=hushed', state => 'revoked', score => 0),
    certificate(subject => 'CN=warned', state => 'unknown',
                conditions => ['unknown']),
    certificate(subject => 'CN=worst', state => 'issuer-revoked', score => 0,
                conditions => ['issuer-revoked']),
);
my ($mixed, $table) = check(document(certificates => \@mixed));
is($mixed, 2, 'mixed: exit status 2');
my ($first, $head, @lines) = split /\n/, $table;
is_deeply([map { /CN=(\S+?):?(?: |$)/ } @lines],
          [qw(worst warned hushed ran?out sooner good off)],
          'the worst first, then what ends first');
like($head, qr/^STATE +STAPLE ENDS +NEXT REFRESH +SCORE +SERVERS +CERTIFICATE$/,
     'what the columns are');
like($lines[3], qr/^unavailable +ran out +- +1\.0 +- +CN=ran\?out: timeout$/,
     'what ran out');
like($lines[4], qr/^good +2031-01-01T00:00:00Z .* s1\.example,s2\.example,s3\.example,\+2 +CN=sooner$/,
     'ends and servers');
my $count = qr/=(\d+);;;0/;
like($first, qr/^OCSP CRITICAL: .* \| certificates$count revoked$count issuer-revoked$count unavailable$count unknown$count pending$count good$count disabled$count stale$count significant$count left=\d+s;;;0$/,
     'performance data');
is_deeply([$first =~ /$count/g], [7, 1, 1, 1, 1, 0, 2, 1, 1, 2],
          'they count right');
unlike((check(document()))[1], qr/ left=/, 'no staple: nothing is left');

sub object {
    my @arguments = @_;
    my ($status, $out) = check(@arguments, '--json');
    # A complaint on standard error may come before it.
    my $object = eval { JSON::PP->new->decode((split /\n/, $out)[-1]) } || {};

    is($object->{exit}, $status, "JSON: exit status $status");
    return $object;
}
my $is = object(document(certificates => \@mixed));
is($is->{result}, 'CRITICAL', 'JSON: result');
like($is->{why}, qr/2 of 7 certificates/, 'JSON: why');
is_deeply([map { $_->{subject} } @{ $is->{certificates} }[0, -1]],
          ['CN=worst', 'CN=off'], 'JSON: sorted');
is_deeply(object(document(certificates => \@mixed), '--quiet')->{certificates},
          [], 'JSON, quiet: no certificates');
is(object("$dir/junk")->{result}, 'UNKNOWN', 'JSON: cannot tell');
is_deeply([@{ object("$dir/none") }{qw(result totals)}], ['UNKNOWN', undef],
          'JSON: no file');

# ---- a server ----

my $pki = Staple::PKI->new(dir => new_dir('pki'));
my $responder = Staple::Responder->new(pki => $pki);
my $port = Staple::Server->another_port;
my $server = Staple::Server->new(
    modules => [qw(authz_host status)],
    vhosts => [status_vhost($port),
               { name => 'a.example', lines => "OCSPStaple On\n", certs =>
                 [$pki->cert('a.example', url => $responder->url)] }])->start;

wait_status($port, sub { $_->{totals}{good} == 1 && $_->{refresher}{running} });
(my $status, $text) = check("http://127.0.0.1:$port/?format=json");
is($status, 0, 'a server: ok') or diag($text);
like($text, qr/^good .*CN=a\.example/m, 'a server: a table');
is((check("http://127.0.0.1:$port$_"))[0], 0, "a server: $_")
    for '/', '/?', '/?sort=state', '/#top';
is((check("http://127.0.0.1:$port/?format=prometheus"))[0], 3,
   'metrics are no JSON');
$server->stop;
is((check("http://127.0.0.1:$port/?format=json"))[0], 3,
   'no server: cannot tell');
