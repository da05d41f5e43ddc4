# Wrong answers: none is ever stapled, each is named in one line of the log,
# and a good response that was held before stays stapled.
use strict;
use warnings;

use Apache::Test qw(-withtestmore);
use Staple::Test;
use Staple::Client;
use Staple::PKI;
use Staple::Responder;
use Staple::Server;

# What the responder does, and what the log says of it.
my @rows = (
    [signature => qr/signature of the response is wrong/,
     'good', flip => 'signature'],
    [content   => qr/signature of the response is wrong/,
     'good', flip => 'tbs'],
    [serial    => qr/says nothing about this certificate/,
     'good', serial => 'other'],
    [issuer    => qr/says nothing about this certificate|issuer certificate/,
     'good', issuerhash => 'other'],
    [otherca   => qr/neither the issuer's nor in the response|not authorised/,
     'good', signer => 'other-ocsp'],
    [twin      => qr/signature of the response is wrong|not authorised/,
     'good', signer => 'twin-ca'],
    [expired   => qr/is out of date/, 'good', this => -7200, next => -3600],
    [future    => qr/is not valid yet/, 'good', this => 3600, next => 7200],
    [noeku     => qr/not authorised by the issuer/, 'good', signer => 'noeku'],
    [leaf      => qr/not authorised by the issuer/, 'good', signer => 'leaf'],
    [later     => qr/says tryLater/, 'trylater'],
    [html      => qr/not of type application\/ocsp-response \(text\/html/,
     'html'],
    [junk      => qr/not a well-formed OCSP response/, 'junk'],
    [trailing  => qr/not a well-formed OCSP response/, 'good', trailing => 1],
    [empty     => qr/answer is empty/, 'empty'],
    [huge      => qr/larger than 65527 bytes/, 'huge'],
    [endless   => qr/larger than 65527 bytes/, 'endless-chunks'],
);
my @names = map { $_->[0] } @rows;
my @held = map { "held-$_.example" } @names;
my @new = map { "new-$_.example" } @names;

plan tests => 7 + 3 * @rows;

my $pki = Staple::PKI->new(dir => new_dir('pki'));
my $responder = Staple::Responder->new(pki => $pki);
# Each fault has a responder of its own, as far as the module can tell.
my @certs = map {
    my ($name) = /-(.*)\.example/;
    $pki->cert($_, url => $responder->url("/$name/"));
} @held, @new;
my @wrong = map {
    my ($name, undef, $action, %keys) = @$_;
    ["*-$name.example", $action, %keys];
} @rows;
my $server = Staple::Server->new(
    lines => "OCSPStapleRetryInterval 1\nOCSPStapleMaxTries 1000\n",
    vhosts => [map { { name => $_->{name}, certs => [$_],
                       lines => "OCSPStaple On\n" } } @certs]);

# A response that lives for 20 s is refreshed after 9 to 10 s.
$responder->set_all(@wrong, ['held-*', 'good', next => 20]);
$server->start;
ok(wait_all_stapled($server, \@held), 'all that shall hold a good one do');
my %sha1 = map { $_->{name} => $_->{sha1} }
    @{ handshakes($server, \@held)->{rows} };
my $refresher = $server->refresher_pid;
my $memory = sub { (read_file("/proc/$refresher/status") // '')
                       =~ /VmHWM:\s*(\d+)/ ? $1 : 0 };
my $before = $memory->();
$responder->set_all(@wrong);

my $line = sub {
    my ($name, $why) = @_;
    return $server->log_lines(
        qr/"CN=\Q$name\E" \(serial \w+\), (?:POST|GET) .*$why/);
};
my (%lost, %stapled);
my $all_refused = wait_until(sub {
    for my $row (@{ handshakes($server, \@held)->{rows} }) {
        $lost{ $row->{name} }++ if $row->{sha1} ne $sha1{ $row->{name} };
    }
    for my $row (@{ handshakes($server, \@new)->{rows} }) {
        $stapled{ $row->{name} }++ if $row->{status} ne 'none';
    }
    return !grep { !$line->("held-$_->[0].example", $_->[1]) } @rows;
}, 18, 0.5);
ok($all_refused, 'every wrong answer came to those that hold a good one');
ok($memory->() - $before < 32768, 'no large body was kept in memory')
    or diag("$before kB before, now " . $memory->());

my $taken = sub {
    my ($name) = @_;
    return $server->log_lines(qr/"CN=\Q$name\E" \(serial \w+\): good, /);
};
$responder->set_all;
ok(wait_until(sub {
    return !grep { $taken->("held-$_.example") < 2
                   || $taken->("new-$_.example") < 1 } @names;
}, 15, 0.2), 'right answers are taken again');
my $after = handshakes($server, [@held, @new], verify => $pki->ca_file);
is(grep({ $_->{status} eq 'good' } @{ $after->{rows} }), @held + @new,
   'and stapled');

for my $row (@rows) {
    my ($name, $why) = @$row;
    my $asked = $responder->count(path => qr{^/$name/});
    my @taken = map { $taken->("$_-$name.example") } qw(held new);
    my @lines = map { $line->("$_-$name.example", $why) } qw(held new);

    is($lost{"held-$name.example"} // 0, 0, "$name: the good one held stays");
    is($stapled{"new-$name.example"} // 0, 0, "$name: is never stapled");
    is(@lines, $asked - @taken,
       "$name: each answer that was refused has one line that names the reason");
}
my @all = $server->log_lines(qr/ \(serial \w+\), (?:POST|GET) /);
my %by_row = map { $_->[0] => $_->[1] } @rows;
is(grep({ my ($name) = /"CN=\w+-(\w+)\.example/; $_ !~ $by_row{$name} } @all),
   0, 'no line names another reason');
is(join("\n", $server->bad_lines), '', 'nothing bad in the log');
