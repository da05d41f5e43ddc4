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

plan tests => 2 * @rows + 14;

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
is((check("http://127.0.0.1:$port/"))[0], 3, 'a page is no JSON');
$server->stop;
is((check("http://127.0.0.1:$port/?format=json"))[0], 3,
   'no server: cannot tell');
