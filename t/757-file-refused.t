# A response file that is refused, where nobody may be asked: the status says
# why nothing is stapled, and who must have a staple has a line of the log.
use strict;
use warnings;

use Apache::Test qw(-withtestmore);
use Staple::Test;
use Staple::Client;
use Staple::PKI;
use Staple::Responder;
use Staple::Server;
use Staple::Status;

plan tests => 30;

my $pki = Staple::PKI->new(dir => new_dir('pki'));
my $responder = Staple::Responder->new(pki => $pki);
my %cert = (
    must  => $pki->cert('must.example', url => $responder->url,
                        must_staple => 1),
    plain => $pki->cert('plain.example', url => $responder->url),
    two   => $pki->cert('two.example', url => $responder->url,
                        must_staple => 1),
    asks  => $pki->cert('asks.example', url => $responder->url,
                        must_staple => 1),
);
my $dir = new_dir('files');

# What the responder says of a certificate, as a file.
sub response_file {
    my ($name, $cert, @rule) = @_;
    my $path = "$dir/$name.der";

    $responder->set_all(['*', @rule]);
    my ($text) = capture(['openssl', 'ocsp', '-issuer', $pki->issuer_file,
                          '-cert', $cert->{leaf}, '-url', $responder->url,
                          '-respout', "$path.new", '-noverify', '-no_nonce']);
    rename "$path.new", $path or die "no response: $text\n";
    chmod 0644, $path;
    return $path;
}

my $bad = response_file('must', $cert{must}, 'good', flip => 'signature');
my $foreign = response_file('foreign', $cert{plain}, 'good', next => 7200);
my $fine = response_file('two', $cert{two}, 'good', next => 7200);
my %files = (must => $bad, plain => "$dir/plain.der", two => "$foreign $fine",
             asks => "$dir/asks.der");
my $none = "OCSPStapleResponder none\n";

$responder->set_all(['*', 'good', next => 7200]);
$responder->clear_log;
my $port = Staple::Server->another_port;
my $server = Staple::Server->new(
    modules => [qw(authz_host status)],
    vhosts => [status_vhost($port), map { {
        name => "$_.example", certs => [$cert{$_}],
        lines => "OCSPStaple On\nOCSPStapleResponseFile $files{$_}\n"
                 . ($_ eq 'asks' ? '' : $none) } } sort keys %cert])->start;

sub shown {
    my ($name, $json) = @_;
    my ($cert) = grep { $_->{subject} eq "CN=$name.example" }
                 @{ ($json // status_json($port))->{certificates} };

    return $cert;
}

ok(wait_all_stapled($server, ['two.example', 'asks.example']),
   'what can be stapled is');
ok(wait_status($port, sub { shown('must', $_)->{error}
                            && shown('plain', $_)->{error} }),
   'what cannot has a reason') or diag($server->error_log);

# ---- the status ----

my $must = shown('must');
is($must->{state}, 'disabled', 'a wrong signature: its state');
is($must->{state_reason}, 'bad_signature', 'why');
is($must->{error}, 'bad_signature', 'as an error, too');
is($must->{error_detail}, "OCSPStapleResponseFile $bad", 'which names the file');
is_deeply($must->{conditions}, ['must-staple'], 'significant');
my $plain = shown('plain');
is(join(' ', map { $plain->{$_} // '-' } qw(state state_reason error)),
   'disabled file_unreadable file_unreadable', 'no file: its state, and why');
is($plain->{error_detail}, "OCSPStapleResponseFile $dir/plain.der",
   'no file: which');
my $two = shown('two');
is(join(' ', map { $two->{$_} // '-' } qw(state state_reason error)),
   'good - -', 'two files: one that is not for it does not matter');
my $asks = shown('asks');
is(join(' ', map { $asks->{$_} // '-' } qw(state state_reason error)),
   'good - -', 'nor does a file where somebody is asked');
my (undef, undef, $page) = status_get($port, '/?find=must');
like($page, qr/state disabled">disabled<.{0,200}signature of the response is/s,
     'page: the state says why');
like($page, qr/OCSPStapleResponseFile \Q$bad\E/, 'page: which file');
unlike($page, qr/0 failed in a row/, 'page: no failures where nobody is asked');
# Of the one whose clients insist; the other is another line.
like($page, qr/>1 must-staple certificate has no staple: /, 'page: the worst');
(undef, undef, my $metrics) = status_get($port, '/?format=prometheus');
is(status_metrics($metrics)->{'ocspstaple_failing{reason="bad_signature"}'}, 1,
   'metrics: it counts');
my ($text, $status) = capture([top_builddir() . '/ocspstaple', 'status',
                               "http://127.0.0.1:$port/?format=json"]);
is($status > 255 ? $status >> 8 : $status, 2, 'ocspstaple status: critical');
like($text, qr/CN=must\.example/, 'and names it');

# ---- the log ----

my @lines = $server->log_lines(qr/OST0145/);
is(@lines, 1, 'one line for who must have a staple and has none');
like($lines[0] // '',
     qr/:warn\].*"CN=must\.example".*must-staple.*signature.*\Q$bad\E/,
     'a WARNING: why, and which file');

# ---- it gets better, and worse again ----

response_file('must', $cert{must}, 'good', next => 7200);
is(wait_staple($server, 'must.example')->{cert_status}, 'good',
   'a good file: stapled');
$must = wait_status($port, sub { shown('must', $_)->{state} eq 'good' });
ok($must, 'its state');
(undef, undef, $page) = status_get($port, '/');
like($page, qr/>1 certificate cannot be stapled: [^<]*\(plain\.example\)</,
     'page: the other one is left');
$must = shown('must', $must);
is_deeply([@$must{qw(state_reason error error_detail)}, @{ $must->{conditions} }],
          [undef, undef, undef], 'and nothing is wrong');
$server->mark;
write_file($bad, 'junk');
chmod 0644, $bad;
ok($server->wait_log(qr/OST0047.*must\.der/, 10, since => 1),
   'a bad one: refused');
is(shown('must')->{state}, 'good', 'what is held goes on');
is(shown('must')->{error}, undef, 'which is no error of the certificate');
is($server->log_lines(qr/OST0145/), 1, 'nor is there another line');
is(staple($server, 'must.example')->{cert_status}, 'good', 'it is stapled');
is(join("\n", $server->bad_lines), '', 'nothing bad in the log');
