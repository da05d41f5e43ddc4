# OCSPStapleLogExclude: words, signs, inheritance; and must-staple.
use strict;
use warnings;

use Apache::Test qw(-withtestmore);
use Staple::Test;
use Staple::PKI;
use Staple::Responder;
use Staple::Server;
use Staple::Events;

# Main server, virtual host, what holds in the end.
my @good = (['', '', 'all'], ['none', '', 'none'], ['all', '', 'all'],
            ['revoked stale', '', 'revoked stale'],
            ['-revoked', '', 'issuer-revoked stale unavailable'],
            ['-revoked', '-stale', 'issuer-revoked unavailable'],
            ['-revoked -unavailable', '+revoked', 'revoked issuer-revoked stale'],
            ['none', '+unavailable', 'unavailable'],
            ['none', 'issuer-revoked', 'issuer-revoked'],
            ['-all', '', 'none'], ['-all', '+all', 'all'],
            ['-all +stale', '', 'stale'], ['REVOKED', '', 'revoked']);
my @bad = (['good', 'good'], ['-none', '-none'], ['revoked -stale', '-stale'],
           ['+', '\+'], ['revoked,stale', 'revoked,stale']);
plan tests => 2 * @bad + @good + 6;

my $pki = Staple::PKI->new(dir => new_dir('pki'));
my $responder = Staple::Responder->new(pki => $pki);
my $cert = $pki->cert('a.example', url => $responder->url, must_staple => 1);
my $server = Staple::Server->new;

sub directive { return $_[0] eq '' ? '' : "OCSPStapleLogExclude $_[0]\n" }

sub set_up {
    my ($outer, $inner, $on) = @_;

    $server->reconfigure(
        lines => directive($outer),
        vhosts => [{ name => 'a.example', certs => [$cert],
                     lines => 'OCSPStaple ' . ($on // 'On') . "\n"
                              . directive($inner) }]);
    return $server;
}

for my $case (@good) {
    my ($outer, $inner, $wanted) = @$case;
    my ($text) = set_up($outer, $inner)->configtest('-D', 'DUMP_OCSPSTAPLE');
    my ($got) = $text =~ /virtual host a\.example.*?OCSPStapleLogExclude ([^\n]*)/s;

    is($got // 'all', $wanted, "server \"$outer\", virtual host \"$inner\"");
}
for my $case (@bad) {
    my ($words, $named) = @$case;
    my ($text, $status) = set_up($words, '')->configtest;

    isnt($status, 0, "$words: refused");
    like($text, qr/OCSPStapleLogExclude: "$named" is not allowed: give any of/,
         'with the word and what is allowed');
}

# A must-staple certificate without a staple, with everything excluded.
my $events = Staple::Events->new;

$responder->set('*', 'unauthorized');
set_up('all', '');
$server->reconfigure(lines => $events->lines . "OCSPStapleLogExclude all\n")
    ->start;
my $event = $events->wait_for(10, event => 'unavailable');
ok($event, 'must-staple, unavailable');
ok($event->{significant}, 'is significant whatever the flags say');
is($server->log_lines(qr/:warn\].*OST0074/), 1, 'and a WARNING');
is($server->log_lines(qr/OST0016/), 0, 'OCSPStaple is On: no warning at start');
$server->stop;
set_up('', '', 'Off')->start;
is($server->log_lines(qr/:warn\].*OST0016.*a\.example.*OCSPStaple\ is\ not\ On/x),
   1, 'OCSPStaple Off: one');
is(join("\n", $server->bad_lines), '', 'nothing bad in the log');
