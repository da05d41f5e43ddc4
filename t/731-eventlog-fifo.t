# OCSPStapleEventLog is a fifo: nobody reads it, somebody stops reading it, and
# comes back.  Neither a start nor a graceful restart nor the refresher waits.
use strict;
use warnings;

use Apache::Test qw(-withtestmore);
use POSIX ();
use Staple::Test;
use Staple::Client;
use Staple::Events;
use Staple::PKI;
use Staple::Process qw(spawn reap);
use Staple::Responder;
use Staple::Server;

plan tests => 30;

my $pki = Staple::PKI->new(dir => new_dir('pki'));
my $responder = Staple::Responder->new(pki => $pki);
my $events = Staple::Events->new;
my $dir = $events->dir;
my $fifo = "$dir/fifo";
# An issuer with a long name, so each event is a long line.
my $issuer = $pki->cert('issuer', ca => 1, subject => join(',', 'CN=Long Names',
    map { "OU=$_ " . 'n' x 50 } 1 .. 50));
my @certs = $pki->certs(300, prefix => 'c', url => $responder->url,
                        same_key => 1, issuer => $issuer);
my @names = map { $_->{name} } @certs;
my $lines = "OCSPStapleStore none\nOCSPStapleEventLog $fifo\n";
my $server = Staple::Server->new(
    lines => $lines, vhosts => [Staple::Server->stapled(@certs[0 .. 19])]);

POSIX::mkfifo($fifo, 0666) or die "$fifo: $!\n";
chmod 0666, $fifo or die "$fifo: $!\n";
$responder->set('*', 'revoked', next => 3600, time => -60);

# A reader with as small a pipe as there is; it has opened the fifo when this
# returns, and writes what it reads to $path.
my $program = <<'END';
use Fcntl;
my ($fifo, $path) = @ARGV;
sysopen my $in, $fifo, O_RDONLY | O_NONBLOCK or die "$fifo: $!\n";
fcntl $in, 1031, 4096; # F_SETPIPE_SZ, where there is one
open my $out, '>>', $path or die "$path: $!\n";
for (;;) {
    if (sysread $in, my $bytes, 65536) {
        syswrite $out, $bytes;
    }
    else {
        select undef, undef, undef, 0.02;
    }
}
END

sub reader {
    my ($path) = @_;
    my $pid = spawn([$^X, '-e', $program, $fifo, $path], "$dir/reader.log");

    wait_until(sub { -e $path }, 10) or die "no reader\n";
    return $pid;
}

sub end_of {
    my ($pid) = @_;

    kill 'KILL', $pid;
    return reap($pid, 5);
}

sub told { my ($tag) = @_; return $server->log_lines(qr/OST$tag:/, since => 1) }

# ---- nobody reads it ----

ok($server->try_start, 'nobody reads it: httpd starts');
is(told('0140'), 1, 'a line says so') or diag($server->error_log);
like((told('0140'))[0] // '',
     qr/:warn\].*OCSPStapleEventLog \Q$fifo\E: it has no reader/,
     'a WARNING with directive and path');
is(wait_staple($server, $names[0])->{cert_status}, 'revoked', 'stapled');
ok(wait_all_stapled($server, [@names[0 .. 19]]), 'all are');
ok($server->wait_log(qr/OST0071/, 10, count => 20), 'events happen');
is(told('0140'), 1, 'and the line is not repeated');

my $first = reader("$dir/first");
ok(wait_until(sub { $events->all("$dir/first") == 20 }, 10),
   'a reader comes: it gets all that waited')
    or diag(scalar(() = $events->all("$dir/first")));
ok($server->wait_log(qr/:notice\].*OST0141:.* 0 events were lost/, 10),
   'which is told');
is(told('0141'), 1, 'once');

my $took = eval { $server->graceful };
ok(defined $took, 'a graceful restart with a reader') or diag($@);
end_of($first);
$took = eval { $server->graceful };
ok(defined $took, 'and one without') or diag($@);
is(told('0142'), 0, 'nothing was lost by either');
$took = $server->stop;
ok(defined $took && $took < 4, 'httpd ends at once');

# ---- somebody has stopped reading it ----

my $reader = reader("$dir/second");
kill 'STOP', $reader or die "reader: $!\n";
$server->reconfigure(vhosts => [Staple::Server->stapled(@certs)]);
$server->mark;
ok($server->try_start, 'it has stopped: httpd starts');
my $end = start_handshakes($server, [@names[0 .. 9]], concurrency => 2,
                           pause => 20, timeout => 60);
ok(wait_all_stapled($server, \@names, within => 60), 'all are stapled');
ok($server->wait_log(qr/OST0140:.*its reader has stopped reading/, 10),
   'a line says that it has stopped');
ok($server->wait_log(qr/:error\].*OST0062:.*could not be written: \{.*\}/, 10),
   'more than there is room for is lost');
ok($server->wait_log(qr/OST0071/, 20, count => scalar @certs, since => 1),
   'all events happen');
is(join(' ', scalar told('0140'), scalar told('0062')), '1 1', 'one line each');

kill 'CONT', $reader;
ok($server->wait_log(qr/OST0141:.* (?!0 )\d+ events were lost/, 10,
                     since => 1), 'it goes on: a line says how many were lost');
my ($lost) = $server->error_log(since => 1) =~ /(\d+) events were lost/;
ok(wait_until(sub { $events->all("$dir/second") == @certs - ($lost // 0) }, 10),
   'all others are there, each line whole')
    or diag(scalar(() = $events->all("$dir/second")), ' and ', $lost // '?');
$end->();

# ---- restarts while lines wait ----

$server->stop;
kill 'STOP', $reader;
$server->mark;
ok($server->try_start, 'it has stopped again: httpd starts');
$end = start_handshakes($server, [@names[0 .. 9]], concurrency => 2,
                        pause => 20, timeout => 60);
ok($server->wait_log(qr/OST0140/, 20, since => 1), 'lines wait');
ok(wait_all_stapled($server, \@names, within => 60), 'all are stapled');
$took = eval { $server->graceful };
ok(defined $took, 'a graceful restart goes on') or diag($@);
ok($server->wait_log(qr/:error\].*OST0142:.*: (?!0 )\d+ events were not written/,
                     10, since => 1), 'a line says what is lost by it');
my $result = $end->();
is($result->{failed}, 0, "$result->{total} handshakes meanwhile: none failed")
    or diag(map { "$_->{why}\n" } grep { !$_->{ok} } @{ $result->{rows} });
$took = $server->stop;
ok(defined $took && $took < 5, 'httpd ends at once');
end_of($reader);
is(join("\n", $server->bad_lines), '', 'nothing bad in the log');
