# every MPM
# A graceful restart every 200 ms, with handshakes and refreshes all the while:
# none fails, none goes without, and nothing is left over.
# STAPLE_STORM=60 makes it a minute.
use strict;
use warnings;

use Apache::Test qw(-withtestmore);
use Time::HiRes qw(sleep time);
use Staple::Test;
use Staple::Client;
use Staple::PKI;
use Staple::Responder;
use Staple::Server;

plan tests => 11;

my $seconds = $ENV{STAPLE_STORM} || 6;
my $pki = Staple::PKI->new(dir => new_dir('pki'));
my $responder = Staple::Responder->new(pki => $pki);
my @held = $pki->certs(10, prefix => 'held', url => $responder->url);
my @bad = $pki->certs(4, prefix => 'bad', url => $responder->url('/bad/'));
my @names = map { $_->{name} } @held;
# Children of the last generation end within 0.2 s (mod_watchdog looks each 0.1 s
# whether to), so there must be room for those of two more.
my $server = Staple::Server->new(
    lines => "OCSPStapleRetryInterval 1\nOCSPStapleMaxTries 10000\n"
             . (mpm() eq 'prefork' ? ''
                                   : "ServerLimit 16\nMaxRequestWorkers 400\n"),
    vhosts => [Staple::Server->stapled(@held, @bad)]);

# Some always have a request in flight.
$responder->set_all(['*', 'good', next => 86400],
                    ['*', 'hang', path => '/bad/']);
alarm Staple::Process::scale(150 + 2 * $seconds);
$server->start;
ok(wait_all_stapled($server, \@names), 'stapled');
my %before = map { $_->{name} => $_->{sha1} }
    @{ handshakes($server, \@names)->{rows} };
$responder->clear_log;

my %end = map {
    $_ => start_handshakes($server, \@names, concurrency => 2, pause => 5, timeout => 30,
                           tls => $_, verify => $pki->ca_file)
} '1.2', '1.3';
my ($sent, $until) = (0, time + $seconds);
while (time < $until) {
    kill 'USR1', $server->pid or last;
    $sent++;
    sleep 0.2;
}
my $generations = $server->log_lines(qr/resuming normal operations/) - 1;
cmp_ok($generations, '>', $sent / 10,
       "$sent signals, $generations graceful restarts");
for my $tls (sort keys %end) {
    my $result = $end{$tls}->();
    my @rows = @{ $result->{rows} };

    is($result->{total} - $result->{ok}, 0,
       "TLS $tls: none of $result->{total} handshakes failed")
        or diag(join ' ', map { $_->{why} // () } @rows);
    is(grep({ $_->{ok} && $_->{sha1} ne $before{ $_->{name} } } @rows), 0,
       "TLS $tls: each had the staple that is held");
}
ok(kill(0, $server->pid), 'httpd is there');
is($responder->count(name => qr/^held/), 0,
   'nobody was asked for what is held');
my $left = $server->graceful(wait => 1);
ok(defined $left, 'the children of all generations end');
is($server->log_lines(qr/exit signal|Segmentation/), 0, 'nothing crashed');
is(join("\n", $server->bad_lines), '', 'nothing bad in the log');
