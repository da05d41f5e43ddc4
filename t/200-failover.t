# Whom a job asks, how, and in which order: seen in the responders' logs.
use strict;
use warnings;

use Apache::Test qw(-withtestmore);
use Staple::Test;
use Staple::Client;
use Staple::PKI;
use Staple::Process qw(free_port);
use Staple::Responder;
use Staple::Server;

my $pki = Staple::PKI->new(dir => new_dir('pki'));
my %responder = map { $_ => Staple::Responder->new(pki => $pki) }
    qw(one two list other);
my $dead = 'http://127.0.0.1:' . free_port() . '/';
my %url = map { $_ => $responder{$_}->url("/$_/") } keys %responder;
my $list = "OCSPStapleResponder $url{list}\n";
my $all = join ' ', map { ("$_ POST", "$_ GET") } qw(one two list);

# Name, the certificate's URLs, the host's lines, rules of responders, the
# status that is stapled, and what was asked of whom, in this order.
my @rows = (
    [dead => [$dead], $list, {}, 'good', 'list POST'],
    [badsig => [$url{one}], $list, { one => ['good', flip => 'signature'] },
     'good', 'one POST one GET list POST'],
    [second => [$url{one}, $url{two}], '', { one => ['http=404'] },
     'good', 'one POST one GET two POST'],
    [html => [$url{one}, $url{two}], '', { one => ['html'] },
     'good', 'one POST one GET two POST'],
    [junk => [$url{one}, $url{two}], '', { one => ['junk'] },
     'good', 'one POST one GET two POST'],
    [trylater => [$url{one}, $url{two}], '', { one => ['unauthorized'] },
     'good', 'one POST one POST one GET two POST'],
    [getonly => [$url{one}, $url{two}], '',
     { one => ['http=405', method => 'POST'] }, 'good', 'one POST one GET'],
    [override => [$url{one}, $url{two}],
     $list . "OCSPStapleResponderAction override\n", {}, 'good', 'list POST'],
    [overridden => [$url{one}],
     $list . "OCSPStapleResponderAction override\n", { list => ['http=404'] },
     undef, 'list POST list GET'],
    [nobody => [$url{one}, $url{two}], $list,
     { map { $_ => ['http=404'] } qw(one two list) }, undef, $all],
    (map {
        my ($method, $words) = @$_;
        [$method => [$url{one}, $url{two}],
         $list . "OCSPStapleMethod $method\n",
         { one => ['http=404'], two => ['http=404'] }, 'good', $words]
     } ['post-get', 'one POST one GET two POST two GET list POST'],
       ['get-post', 'one GET one POST two GET two POST list GET'],
       ['post', 'one POST two POST list POST'],
       ['get', 'one GET two GET list GET']),
    [redirect => [$url{one}], $list,
     { one => ['http=302', location => $url{other}] },
     'good', 'one POST one GET list POST'],
    [permanent => [$url{one}], $list,
     { one => ['http=308', location => $url{other}] },
     'good', 'one POST one GET list POST'],
    [unknown => [$url{one}, $url{two}], '', { one => ['unknown'] },
     'good', 'one POST two POST'],
    [strangers => [$url{one}, $url{two}], '',
     { one => ['unknown'], two => ['unknown'] }, undef, 'one POST two POST'],
    [revoked => [$url{one}, $url{two}], '', { one => ['revoked'] },
     'revoked', 'one POST'],
    [nonce => [$url{one}], "OCSPStapleNonce On\n",
     { one => ['good', nonce => 'echo'] }, 'good', 'one POST'],
    [nononce => [$url{one}], "OCSPStapleNonce On\n",
     { one => ['good', nonce => 'none'] }, 'good', 'one POST'],
    [othernonce => [$url{one}, $url{two}], "OCSPStapleNonce On\n",
     { one => ['good', nonce => 'other'] }, 'good',
     'one POST one GET two POST'],
    [slash => [$responder{one}->url('/one/')], "OCSPStapleMethod get\n", {},
     'good', 'one GET'],
    [noslash => [$responder{one}->url('/one')], "OCSPStapleMethod get\n", {},
     'good', 'one GET'],
    [bare => ["http://127.0.0.1:" . $responder{one}->port],
     "OCSPStapleMethod get\n", {}, 'good', 'one GET'],
);

plan tests => 2 * @rows + 10;

my %cert = map { $_->[0] => $pki->cert("$_->[0].example", url => $_->[1]) }
    @rows;

for my $name (keys %responder) {
    $responder{$name}->set_all(map {
        $_->[3]{$name} ? ["$_->[0].example", @{ $_->[3]{$name} }] : ()
    } @rows);
}
my $server = Staple::Server->new(
    lines => "OCSPStapleRetryInterval 1h\nOCSPStapleTimeout 20\n",
    vhosts => [map { { name => "$_->[0].example", certs => [$cert{$_->[0]}],
                       lines => "OCSPStaple On\n$_->[2]" } } @rows]);

# Everything in the environment points to a responder that nobody should ask.
my $proxy = $responder{other}->url('/');
$server->start(env => { map { $_ => $proxy }
                            qw(http_proxy HTTP_PROXY https_proxy all_proxy
                               ALL_PROXY) });

# What was asked for a certificate, in the order of the responders' clocks.
my $asked = sub {
    my ($name) = @_;
    my @requests = sort { $a->[1]{time} <=> $b->[1]{time} } map {
        my $who = $_;
        map { [$who, $_] }
            grep { $_->{name} eq "$name.example" } $responder{$who}->requests
    } keys %responder;

    return @requests;
};
my $in_words = sub {
    return join ' ', map { "$_->[0] $_->[1]{method}" } $asked->($_[0]);
};

my @stapled = grep { defined $_->[4] } @rows;
ok(wait_all_stapled($server, [map { "$_->[0].example" } @stapled],
                    within => 20), 'all that somebody knows are stapled');
for my $row (@rows) {
    my ($name, $words, $status) = @$row[0, 5, 4];

    wait_until(sub { $in_words->($name) eq $words }, 10);
    is($in_words->($name), $words, "$name: asked in this order");
    is(staple($server, "$name.example")->{cert_status}, $status,
       "$name: " . ($status // 'not') . ' stapled');
}
is($responder{other}->all, 0,
   'no redirect is followed, and no proxy of the environment is used');
for my $name (qw(slash noslash bare)) {
    my ($request) = map { $_->[1] } $asked->($name);
    my $path = $name eq 'bare' ? '/' : '/one/';

    like($request->{path}, qr{^\Q$path\E[A-Za-z0-9%]+$},
         "$name: exactly one slash between URL and request");
}
my ($nonce) = map { $_->[1]{nonce} } $asked->('nonce');
is(length $nonce, 64, 'a nonce of 32 bytes was sent') or diag($nonce);
my ($none) = map { $_->[1]{nonce} } $asked->('second');
unlike($none, qr/[0-9a-f]{8}/, 'none where OCSPStapleNonce is Off');

# Each failed attempt is told, with its reason.
like($server->error_log, qr/CN=badsig[^\n]*POST [^\n]*signature/,
     'the log names the method and why it went on');
like($server->error_log, qr/CN=redirect[^\n]*HTTP 302/,
     'the log says that there was a redirect');
is(join("\n", $server->bad_lines), '', 'nothing bad in the log');
