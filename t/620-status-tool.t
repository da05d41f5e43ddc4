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
        version => 1, servers => [], responders => [], crls => [],
        generated_at => strftime('%Y-%m-%dT%H:%M:%SZ', gmtime),
        refresher => { pid => 1, running => JSON::PP::true },
        health => health('ok'), significant_health => health('ok'),
        certificates => [certificate()], %change }));
    return $file;
}

sub certificate {
    return { subject => 'CN=a.example', serial => '01', state => 'good',
             score => 5, staple => undef, conditions => [], health => 'ok',
             problems => [], @_ };
}

# What the module says of all: the first of the problems is the summary.
sub health {
    my ($state, @texts) = @_;

    return { state => $state, summary => $texts[0] // 'all is well',
             problems => [map { { problem => 'x', state => $state, count => 1,
                                  text => $_ } } @texts] };
}

my @rows = (
    [0, qr/^OCSP OK: all is well \|/],
    [1, qr/^OCSP WARNING: one \|/, health => health('warning', 'one')],
    [2, qr/^OCSP CRITICAL: one; and 1 more problem \|/,
     health => health('critical', 'one', 'two')],
    [2, qr/^OCSP CRITICAL: one; and 2 more problems \|/,
     health => health('critical', qw(one two three))],
    [2, qr/^OCSP CRITICAL: \?\[31ma\?b\? \|/,
     health => health('critical', "\e[31ma|b\n")],
    [0, qr/^OCSP OK: all is well/, significant_health => health('critical', 'x')],
    [3, qr/has no version 1/, version => 2],
    [3, qr/has no certificates$/, certificates => 'many'],
    [3, qr/has no certificates\[\]\.state/, certificates => [{}]],
    [3, qr/has no health/, health => undef],
    [3, qr/has no health/, health => { %{ health('ok') }, state => 'fine' }],
    [3, qr/has no health/, health => { %{ health('ok') }, summary => 1 }],
    [3, qr/has no health/, health => { %{ health('ok') }, problems => 'none' }],
    [3, qr/has no significant_health/, significant_health => []],
    [3, qr/is of 2020-01-01/, generated_at => '2020-01-01T00:00:00Z'],
    [3, qr/is no time/, generated_at => 'today'],
);

plan tests => 2 * @rows + 39;

for my $row (@rows) {
    my ($want, $why, %change) = @$row;
    my ($status, $text) = check(document(%change));

    is($status, $want, "exit status $want: $why");
    like((split /\n/, $text)[0], $why, '... and says why');
}

# OCSPStapleLogExclude leaves less.
my @less = (document(health => health('critical', 'revoked'),
                     significant_health => health('warning', 'unknown')),
            '--honor-exclude');
my ($less, $text) = check(@less);
is($less, 1, '--honor-exclude: exit status 1');
like($text, qr/^OCSP WARNING: unknown \|/, '--honor-exclude: says so');

(undef, $text) = check(document(certificates =>
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
    certificate(subject => 'CN=listed', source => 'crl',
                crl => { use_until => '2031-01-01T12:00:00Z' }),
    certificate(subject => 'CN=ran|out', state => 'unavailable', score => 1,
                health => 'warning', source => 'ocsp', stale => JSON::PP::true, error => 'timeout',
                staple => { use_until => '2020-01-01T00:00:00Z' }),
    certificate(subject => 'CN=hushed', state => 'revoked', score => 0,
                health => 'critical'),
    certificate(subject => 'CN=warned', state => 'unknown',
                health => 'warning', conditions => ['unknown']),
    certificate(subject => 'CN=worst', state => 'issuer-revoked', score => 0,
                health => 'critical', conditions => ['issuer-revoked']),
);
my @all = (health => health('critical', 'one', 'two'), certificates => \@mixed);
my ($mixed, $table) = check(document(@all));
is($mixed, 2, 'mixed: exit status 2');
my ($first, $head, @lines) = split /\n/, $table;
is_deeply([map { /CN=(\S+?):?(?: |$)/ } @lines],
          [qw(hushed worst ran?out warned sooner listed good off)],
          'the worst first, then what ends first');
like($head, qr/^STATE +ENDS +BY +NEXT REFRESH +SCORE +SERVERS +CERTIFICATE$/,
     'what the columns are');
like($lines[2], qr/^unavailable +ran out +ocsp +- +1\.0 +- +CN=ran\?out: timeout$/,
     'what ran out');
like($lines[4], qr/^good +2031-01-01T00:00:00Z .* s1\.example,s2\.example,s3\.example,\+2 +CN=sooner$/,
     'ends and servers');
like($lines[5], qr/^good +2031-01-01T12:00:00Z +crl /, 'what rests on a CRL');
my $count = qr/=(\d+);;;0/;
like($first, qr/^OCSP CRITICAL: .* \| certificates$count revoked$count issuer-revoked$count unavailable$count unknown$count pending$count good$count disabled$count stale$count significant$count left=\d+s;;;0$/,
     'performance data');
is_deeply([$first =~ /$count/g], [8, 1, 1, 1, 1, 0, 3, 1, 1, 2],
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
my $is = object(document(@all));
is($is->{result}, 'CRITICAL', 'JSON: result');
is($is->{why}, 'one; and 1 more problem', 'JSON: why');
is_deeply([map { $_->{subject} } @{ $is->{certificates} }[0, -1]],
          ['CN=hushed', 'CN=off'], 'JSON: sorted');
is_deeply(object(document(@all), '--quiet')->{certificates},
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
